!! The python backend inside a Fortran program that traps floating-point exceptions.
!!
!! Run as `test_python VENV`, with an environment that has NumPy and jules_ml.
program test_python
  use, intrinsic :: iso_c_binding, only: c_int
  use, intrinsic :: ieee_exceptions, only: ieee_divide_by_zero, ieee_get_halting_mode, ieee_invalid, ieee_overflow
  use jules_ml_bridge, only: jml_init, jml_respiration, JML_NO_PYTHON, JML_OK, JML_WRONG_THREAD
  use test_assert, only: check, check_status, finish, write_file
  use test_python_r32, only: run_r32 => run
  use test_python_r64, only: run_r64 => run
  implicit none
  character(len=1024) :: venv
  integer :: status

  interface
    !> Number of SIGINT, SIGTERM and SIGPIPE that have the default action.
    integer(c_int) function untouched_signals() bind(c)
      import :: c_int
    end function untouched_signals
  end interface

  call get_command_argument(1, venv)
  call write_file('python.nml', "&jules_ml_moisture python_callable='a:b', mode='replace' /|" // &
    "&jules_ml_python venv='/no/such/environment' /")
  call jml_init('python.nml', status)
  call check_status(status, JML_NO_PYTHON, '/no/such/environment is not a Python environment', 'no such environment')
  call run_r32(trim(venv))
  call run_r64(trim(venv))
  call check(untouched_signals() == 3, 'signals are left to the host')
  call check(all_halting(), 'halting modes are unchanged')
  call other_thread()
  call finish()

contains

  logical function all_halting()
    logical :: halting(3)

    call ieee_get_halting_mode([ieee_invalid, ieee_divide_by_zero, ieee_overflow], halting)
    all_halting = all(halting)
  end function all_halting

  !> Python is refused in every thread except that of `jml_init`.
  subroutine other_thread()
    real :: x(1, 1), f(1, 1), g(1, 1)
    integer :: statuses(2), i

    call write_file('python.nml', "&jules_ml_respiration backend='python', python_callable='soil_ideas:respiration' /|" // &
      "&jules_ml_python venv='" // trim(venv) // "' /")
    call jml_init('python.nml', status)
    x = 0.5
    !$omp parallel do num_threads(2) schedule(static, 1) private(f, g)
    do i = 1, 2
      call jml_respiration(x, x, x, x, x, [.true.], f, g, statuses(i))
    end do
    !$omp end parallel do
    call check(statuses(1) == JML_OK .and. statuses(2) == JML_WRONG_THREAD, 'Python on one thread only')
  end subroutine other_thread

end program test_python
