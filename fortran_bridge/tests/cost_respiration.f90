!! The cost of the two modifiers of respiration: JULES's own formulas and the bridge, in one run and one thread.
!!
!! Run as `cost_respiration CONFIG`, with tables or a net in CONFIG. Writes a line for each kind of real and each number of
!! points: bits, points, and ns per point of the one-pool formulas, of the four-pool formulas and of the bridge. Each is the
!! minimum of several rounds, in which the three alternate.
program cost_respiration
  use, intrinsic :: iso_fortran_env, only: error_unit
  use cost_respiration_r32, only: measure_r32 => measure
  use cost_respiration_r64, only: measure_r64 => measure
  use jules_ml_bridge, only: jml_error, jml_init, JML_OK
  implicit none
  integer, parameter :: LEVELS = 4
  integer, parameter :: LAND_PTS(3) = [1, 10000, 1000000]
  character(len=1024) :: config, message
  real :: costs(3)
  integer :: i, status

  call get_command_argument(1, config)
  call jml_init(trim(config), status)
  call stop_unless_ok()
  do i = 1, size(LAND_PTS)
    call measure_r32(LAND_PTS(i), LEVELS, costs, status)
    call stop_unless_ok()
    print '(i0, 1x, i0, 3(1x, f0.3))', 32, LAND_PTS(i) * LEVELS, costs
    call measure_r64(LAND_PTS(i), LEVELS, costs, status)
    call stop_unless_ok()
    print '(i0, 1x, i0, 3(1x, f0.3))', 64, LAND_PTS(i) * LEVELS, costs
  end do

contains

  subroutine stop_unless_ok()
    if (status == JML_OK) return
    call jml_error(message)
    write (error_unit, '(a)') trim(message)
    error stop
  end subroutine stop_unless_ok

end program cost_respiration
