!! Soil moisture replaced by, or drawn to, what a learned module asks for.
!!
!! Water, sthu and sthf change together and the soil keeps its temperature; what that adds of water and heat is booked.
module jml_hooks_moisture
  use, intrinsic :: iso_fortran_env, only: real64
  use um_types, only: rk => real_jlslsm
  use jules_fields_mod, only: progs, psparms
  use jules_ml_bridge, only: jml_soil_moisture, JML_N_FORCING, JML_OK
  use jml_hooks_run, only: run
  use jml_hooks_failure, only: fail, bridge_error
  use jml_hooks_column, only: content_t, content, refreeze, saturated_water, layer_water
  use jml_hooks_forcing, only: forcing_mean_t
  use jml_hooks_ledger, only: book, BY_MOISTURE
  use jml_hooks_place, only: latitudes, longitudes, soil_points
  implicit none
  private

  public :: note_weather, try_module, moisten, moisture_write, moisture_read

  real(real64), parameter :: SECONDS_PER_HOUR = 3600.0_real64
  real(rk), parameter :: MILD_WEATHER(JML_N_FORCING) = &   !! rain, snow, shortwave, longwave, t, q, wind, pressure, vpd of a trial
    [0.0_rk, 0.0_rk, 150.0_rk, 300.0_rk, 283.0_rk, 0.006_rk, 3.0_rk, 1.0e5_rk, 250.0_rk]

  type(forcing_mean_t), save :: weather              !! since the module was last asked
  real(rk), allocatable, save :: theta_target(:, :)  !! what it asked for [m3 m-3], (land_pts, sm_levels)
  logical, allocatable, save :: mask(:, :)           !! and where

contains

  !> Take the step that has just ended into the mean that the module will see.
  subroutine note_weather()
    call weather%add()
  end subroutine note_weather

  !> See in the first step that the module gives what can be used: it is first needed when a day has been written.
  subroutine try_module()
    use ancil_info, only: land_pts
    use jules_soil_mod, only: sm_levels
    real(rk) :: unused_target(land_pts, sm_levels)
    logical :: unused_mask(land_pts, sm_levels)
    integer :: ierr

    call jml_soil_moisture(date_of_now(), latitudes(), longitudes(), spread(MILD_WEATHER, 1, land_pts), &
      progs%smcl_soilt(:, 1, :), psparms%sthu_soilt(:, 1, :), psparms%sthf_soilt(:, 1, :), progs%t_soil_soilt(:, 1, :), &
      unused_target, unused_mask, ierr, trial=.true.)
    if (ierr /= JML_OK) call fail(bridge_error('soil moisture, asked at the start to see what it gives'))
  end subroutine try_module

  !> Ask the module when its time has come, then change the soil.
  subroutine moisten(new_day)
    logical, intent(in) :: new_day        !! the day has changed since the step before, or a new spin-up cycle began
    logical :: asked

    asked = weather%steps > 0 .and. (new_day .or. run%settings%every == 'step')
    if (asked) call ask()
    if (.not. allocated(theta_target)) return
    if (run%settings%mode == 'nudge' .or. asked) call change_levels()
  end subroutine moisten

  !> Call the module with the mean weather and the state of now.
  subroutine ask()
    use ancil_info, only: land_pts
    use jules_soil_mod, only: sm_levels
    integer :: ierr

    if (.not. allocated(theta_target)) allocate (theta_target(land_pts, sm_levels), mask(land_pts, sm_levels))
    call jml_soil_moisture(date_of_now(), latitudes(), longitudes(), weather%mean(), progs%smcl_soilt(:, 1, :), &
      psparms%sthu_soilt(:, 1, :), psparms%sthf_soilt(:, 1, :), progs%t_soil_soilt(:, 1, :), theta_target, mask, ierr)
    call weather%clear()
    if (ierr /= JML_OK) then
      mask = .false.
      call fail(bridge_error('soil moisture'))
    end if
  end subroutine ask

  !> Year, month, day, hour, minute and second at which the step begins.
  function date_of_now() result(date)
    use model_time_mod, only: current_time
    integer :: date(6)

    date = [current_time%year, current_time%month, current_time%day, current_time%time / 3600, &
      mod(current_time%time, 3600) / 60, mod(current_time%time, 60)]
  end function date_of_now

  !> Bring each level that the settings name towards its target.
  subroutine change_levels()
    use jules_soil_mod, only: sm_levels
    integer :: k, level

    if (size(run%settings%levels) == 0) then
      do level = 1, sm_levels
        call change_level(level, share(level))
      end do
    else
      do k = 1, size(run%settings%levels)
        call change_level(run%settings%levels(k), share(k))
      end do
    end if
  end subroutine change_levels

  !> Share of the distance to the target that is gone in one step [1]; k counts the levels of the settings.
  function share(k)
    use model_time_mod, only: timestep_len
    integer, intent(in) :: k
    real(real64) :: share
    real(real64) :: tau

    share = 1.0_real64
    if (run%settings%mode /= 'nudge') return
    tau = run%settings%tau_hours(min(k, size(run%settings%tau_hours))) * SECONDS_PER_HOUR
    share = 1.0_real64 - exp(-timestep_len / tau)
  end function share

  !> Change the water of one level, never beyond dry or saturated, and book it.
  subroutine change_level(level, share_of_step)
    integer, intent(in) :: level                    !! soil level
    real(real64), intent(in) :: share_of_step       !! of the distance to the target [1]
    integer, allocatable :: points(:)
    real(rk), allocatable :: aim(:)
    type(content_t) :: before

    points = soil_points()
    points = pack(points, mask(points, level))
    if (size(points) == 0) return
    before = content(points, level)
    aim = min(max(layer_water(theta_target(points, level), level), 0.0_rk), saturated_water(points, level))
    progs%smcl_soilt(points, 1, level) = real(before%water + share_of_step * (aim - before%water), rk)
    call refreeze(points, level)
    call book(BY_MOISTURE, points, level, before, content(points, level))
  end subroutine change_level

  !> Write what the next step needs to a state file.
  subroutine moisture_write(unit)
    integer, intent(in) :: unit           !! of an open stream
    type(forcing_mean_t) :: with_last

    with_last = weather                   ! the step before the dump would only be noted in the step after it
    call with_last%add()
    write (unit) with_last%steps, allocated(theta_target), with_last%sums
    if (allocated(theta_target)) write (unit) real(theta_target, real64), mask
  end subroutine moisture_write

  !> Read what `moisture_write` wrote.
  subroutine moisture_read(unit, status)
    use ancil_info, only: land_pts
    use jules_soil_mod, only: sm_levels
    integer, intent(in) :: unit           !! of an open stream
    integer, intent(out) :: status        !! of the reading, 0 when well
    real(real64), allocatable :: target64(:, :)
    logical :: has_target

    allocate (weather%sums(land_pts, JML_N_FORCING))
    read (unit, iostat=status) weather%steps, has_target, weather%sums
    if (status == 0 .and. has_target) then
      allocate (target64(land_pts, sm_levels), mask(land_pts, sm_levels))
      read (unit, iostat=status) target64, mask
      theta_target = real(target64, rk)
    end if
  end subroutine moisture_read

end module jml_hooks_moisture
