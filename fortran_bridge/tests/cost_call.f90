!! The cost of Python inside a Fortran program: the start, an empty call, and a call with arrays and their checks.
!!
!! Run as `cost_call CONFIG`, with a Python callable for respiration in CONFIG. Writes three numbers: seconds of `jml_init`,
!! ns of a bound call that does nothing, and ns of `jml_respiration` at four points.
program cost_call
  use, intrinsic :: iso_fortran_env, only: error_unit, int64, real32
  use jml_python, only: python_ping
  use jules_ml_bridge, only: jml_error, jml_init, jml_respiration, JML_OK
  implicit none
  integer, parameter :: ROUNDS = 7, PINGS = 100000, CALLS = 2000
  character(len=1024) :: config, message
  real(real32) :: state(1, 4), fsth(1, 4), ftemp(1, 4)
  real :: start, ping, serve
  integer(int64) :: before, after, rate
  integer :: i, round, status

  call get_command_argument(1, config)
  call system_clock(before, rate)
  call jml_init(trim(config), status)
  call system_clock(after)
  call stop_unless_ok()
  start = real(after - before) / real(rate)

  ping = huge(ping)
  serve = huge(serve)
  state = 0.5_real32
  do round = 1, ROUNDS
    call system_clock(before)
    do i = 1, PINGS
      status = python_ping()
    end do
    call system_clock(after)
    call stop_unless_ok()
    ping = min(ping, 1.0e9 * real(after - before) / real(rate) / PINGS)
    call system_clock(before)
    do i = 1, CALLS
      call jml_respiration(1, 4, state, state, state, state, state, [.true.], fsth, ftemp, status)
    end do
    call system_clock(after)
    call stop_unless_ok()
    serve = min(serve, 1.0e9 * real(after - before) / real(rate) / CALLS)
  end do
  print '(3(f0.3, 1x))', start, ping, serve

contains

  subroutine stop_unless_ok()
    if (status == JML_OK) return
    call jml_error(message)
    write (error_unit, '(a)') trim(message)
    error stop
  end subroutine stop_unless_ok

end program cost_call
