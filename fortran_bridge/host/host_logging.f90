!! Messages, and the fatal error, which as in JULES does not close any file.
module logging_mod
  use, intrinsic :: iso_fortran_env, only: output_unit, error_unit
  implicit none
  private

  public :: log_info, log_warn, log_error, log_fatal

contains

  subroutine log_info(proc_name, message)
    character(len=*), intent(in) :: proc_name, message
    write (output_unit, '(a)') '[INFO] ' // proc_name // ': ' // message
  end subroutine log_info

  subroutine log_warn(proc_name, message)
    character(len=*), intent(in) :: proc_name, message
    write (error_unit, '(a)') '[WARNING] ' // proc_name // ': ' // message
  end subroutine log_warn

  subroutine log_error(proc_name, message)
    character(len=*), intent(in) :: proc_name, message
    write (error_unit, '(a)') '[ERROR] ' // proc_name // ': ' // message
    flush (error_unit)
  end subroutine log_error

  subroutine log_fatal(proc_name, message)
    use jules_vars_mod, only: mpi_local_comm
    external :: mpi_abort
    character(len=*), intent(in) :: proc_name, message
    integer :: error

    write (error_unit, '(a)') '[FATAL ERROR] ' // proc_name // ': ' // message
    flush (error_unit)
    call mpi_abort(mpi_local_comm, 1, error)
  end subroutine log_fatal

end module logging_mod
