!! The message of the last error.
module jml_message
  use, intrinsic :: iso_c_binding, only: c_char, c_f_pointer, c_null_char, c_ptr, c_size_t
  implicit none
  private

  public :: fail, message_of

  interface
    subroutine message_set(text) bind(c, name='jml_message_set')
      import :: c_char
      character(kind=c_char), intent(in) :: text(*)
    end subroutine message_set

    type(c_ptr) function message_get() bind(c, name='jml_message_get')
      import :: c_ptr
    end function message_get

    integer(c_size_t) function strlen(text) bind(c, name='strlen')
      import :: c_ptr, c_size_t
      type(c_ptr), value :: text
    end function strlen
  end interface

contains

  !> Store a message for the calling thread, and return its status.
  integer function fail(status, text)
    integer, intent(in) :: status
    character(len=*), intent(in) :: text

    call message_set(trim(text) // c_null_char)
    fail = status
  end function fail

  !> The last message of the calling thread.
  function message_of() result(text)
    character(len=:), allocatable :: text
    character(kind=c_char), pointer :: characters(:)
    type(c_ptr) :: address
    integer :: i, length

    address = message_get()
    length = int(strlen(address))
    call c_f_pointer(address, characters, [length])
    allocate (character(len=length) :: text)
    do i = 1, length
      text(i:i) = characters(i)
    end do
  end function message_of

end module jml_message
