!! The C interface of `jules_ml_bridge`, declared in `jules_ml_bridge.h`.
module jules_ml_bridge_c
  use, intrinsic :: iso_c_binding, only: c_char, c_int, c_null_char
  use jml_handle, only: jml_enabled, jml_error, jml_finalise, jml_init, jml_kernels, jml_state_read, jml_state_write
  use jml_python, only: python_ping
  use jml_settings, only: PATH_LENGTH
  implicit none
  private

contains

  !> Read the configuration, and prepare everything that it names.
  integer(c_int) function init_c(config_path) bind(c, name='jml_init_c') result(ierr)
    character(kind=c_char), intent(in) :: config_path(*)
    integer :: status

    call jml_init(fortran_text(config_path), status)
    ierr = int(status, c_int)
  end function init_c

  !> 1 if a hook is on, else 0.
  integer(c_int) function enabled_c(what) bind(c, name='jml_enabled_c') result(enabled)
    character(kind=c_char), intent(in) :: what(*)

    enabled = merge(1_c_int, 0_c_int, jml_enabled(fortran_text(what)))
  end function enabled_c

  !> Write the history of the moisture module.
  integer(c_int) function state_write_c(path) bind(c, name='jml_state_write_c') result(ierr)
    character(kind=c_char), intent(in) :: path(*)
    integer :: status

    call jml_state_write(fortran_text(path), status)
    ierr = int(status, c_int)
  end function state_write_c

  !> Read the history of the moisture module.
  integer(c_int) function state_read_c(path) bind(c, name='jml_state_read_c') result(ierr)
    character(kind=c_char), intent(in) :: path(*)
    integer :: status

    call jml_state_read(fortran_text(path), status)
    ierr = int(status, c_int)
  end function state_read_c

  !> Call a Python function that does nothing.
  integer(c_int) function ping_c() bind(c, name='jml_ping_c') result(ierr)
    ierr = python_ping()
  end function ping_c

  !> The message of the last error in this thread.
  subroutine error_c(text, length) bind(c, name='jml_error_c')
    integer(c_int), intent(in), value :: length
    character(kind=c_char), intent(out) :: text(length)
    character(len=length) :: message

    call jml_error(message)
    call copy_text(trim(message), text)
  end subroutine error_c

  !> The name of the kernels that the native backend runs.
  subroutine kernels_c(text, length) bind(c, name='jml_kernels_c')
    integer(c_int), intent(in), value :: length
    character(kind=c_char), intent(out) :: text(length)

    call copy_text(jml_kernels(), text)
  end subroutine kernels_c

  !> Release everything that `init_c` prepared.
  integer(c_int) function finalise_c() bind(c, name='jml_finalise_c') result(ierr)
    integer :: status

    call jml_finalise(status)
    ierr = int(status, c_int)
  end function finalise_c

  !> Copy text into a C array with its closing null; what does not fit is cut off.
  subroutine copy_text(from, to)
    character(len=*), intent(in) :: from
    character(kind=c_char), intent(out) :: to(:)
    integer :: i, length

    length = min(len(from), size(to) - 1)
    do i = 1, length
      to(i) = from(i:i)
    end do
    to(length + 1) = c_null_char
  end subroutine copy_text

  !> A C text as a Fortran text.
  function fortran_text(text) result(copy)
    character(kind=c_char), intent(in) :: text(*)
    character(len=:), allocatable :: copy
    integer :: i

    copy = ''
    do i = 1, PATH_LENGTH
      if (text(i) == c_null_char) exit
      copy = copy // text(i)
    end do
  end function fortran_text

end module jules_ml_bridge_c
