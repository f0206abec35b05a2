!! The calendar and the model time.
module datetime_mod
  implicit none
  private

  public :: datetime, next_day

  type :: datetime
    integer :: year = 2001, month = 1, day = 1, time = 0     !! time: seconds of the day
  end type datetime

contains

  !> The next day of the Gregorian calendar, at the same time.
  pure function next_day(today) result(tomorrow)
    type(datetime), intent(in) :: today
    type(datetime) :: tomorrow
    integer :: length(12)

    length = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    if (mod(today%year, 4) == 0 .and. (mod(today%year, 100) /= 0 .or. mod(today%year, 400) == 0)) length(2) = 29
    tomorrow = today
    tomorrow%day = today%day + 1
    if (tomorrow%day <= length(today%month)) return
    tomorrow%day = 1
    tomorrow%month = today%month + 1
    if (tomorrow%month <= 12) return
    tomorrow%month = 1
    tomorrow%year = today%year + 1
  end function next_day

end module datetime_mod

module model_time_mod
  use datetime_mod, only: datetime, next_day
  implicit none

  type(datetime) :: current_time           !! start of the current step
  integer :: timestep_number = 1           !! increases through spin-up and main run
  integer :: timestep_len = 3600           !! [s]
  logical :: is_spinup = .false.
  integer :: spinup_cycle = 0              !! of the spin-up, from 1

contains

  !> Advance the model time by one step.
  subroutine advance_time()
    timestep_number = timestep_number + 1
    current_time%time = current_time%time + timestep_len
    if (current_time%time < 86400) return
    current_time%time = current_time%time - 86400
    current_time = next_day(current_time)
  end subroutine advance_time

end module model_time_mod
