!! The Fortran interface of `jml_python.c`, which contains the Python interpreter.
module jml_python
  use, intrinsic :: iso_c_binding, only: c_char, c_int, c_int32_t, c_int64_t, c_loc, c_null_char, c_null_ptr, c_ptr
  implicit none
  private

  public :: array_t, array_of
  public :: python_start, python_bind, python_call, python_write_state, python_read_state, python_ping, python_close
  public :: c_text

  integer(c_int), parameter, public :: SLOT_RESPIRATION = 0, SLOT_PROPERTIES = 1, SLOT_MOISTURE = 2, &
    SLOT_MOISTURE_TRIAL = 3
  character(len=*), parameter, public :: CODE_R32 = 'f', CODE_R64 = 'd', CODE_INTEGER = 'i', CODE_LOGICAL = 'l'

  !> An array of the caller: its address, type and shape. Same as `jml_array` of `jml_python.h`.
  type, bind(c) :: array_t
    type(c_ptr) :: address = c_null_ptr
    integer(c_int64_t) :: shape(3) = 0_c_int64_t
    integer(c_int32_t) :: rank = 0_c_int32_t
    integer(c_int32_t) :: code = 0_c_int32_t
    integer(c_int32_t) :: writable = 0_c_int32_t
    integer(c_int32_t) :: unused = 0_c_int32_t
  end type array_t

  !> Describe an array of any kind, without copying it. `code` is one of the CODE_ letters; `writable` is whether Python may write
  !> to the array. One procedure for each rank, because Flang 19 does not compile procedures with arrays of assumed rank.
  interface array_of
    module procedure array_of_rank1, array_of_rank2, array_of_rank3
  end interface array_of

  interface
    integer(c_int) function python_start(venv, libpython, folder, threads) bind(c, name='jml_python_start')
      import :: c_char, c_int
      character(kind=c_char), intent(in) :: venv(*), libpython(*), folder(*)
      integer(c_int), value :: threads
    end function python_start

    integer(c_int) function python_bind(slot, callable, static_file) bind(c, name='jml_python_bind')
      import :: c_char, c_int
      integer(c_int), value :: slot
      character(kind=c_char), intent(in) :: callable(*), static_file(*)
    end function python_bind

    integer(c_int) function python_call(slot, arrays, n) bind(c, name='jml_python_call')
      import :: array_t, c_int
      integer(c_int), value :: slot
      type(array_t), intent(in) :: arrays(*)
      integer(c_int), value :: n
    end function python_call

    integer(c_int) function python_write_state(path) bind(c, name='jml_python_write_state')
      import :: c_char, c_int
      character(kind=c_char), intent(in) :: path(*)
    end function python_write_state

    integer(c_int) function python_read_state(path) bind(c, name='jml_python_read_state')
      import :: c_char, c_int
      character(kind=c_char), intent(in) :: path(*)
    end function python_read_state

    integer(c_int) function python_ping() bind(c, name='jml_python_ping')
      import :: c_int
    end function python_ping

    integer(c_int) function python_close() bind(c, name='jml_python_close')
      import :: c_int
    end function python_close
  end interface

contains

  function array_of_rank1(x, code, writable) result(array)
    type(*), intent(in), target, contiguous :: x(:)
    character(len=1), intent(in) :: code
    logical, intent(in) :: writable
    type(array_t) :: array

    array = described(c_loc(x), shape(x, kind=c_int64_t), code, writable)
  end function array_of_rank1

  function array_of_rank2(x, code, writable) result(array)
    type(*), intent(in), target, contiguous :: x(:, :)
    character(len=1), intent(in) :: code
    logical, intent(in) :: writable
    type(array_t) :: array

    array = described(c_loc(x), shape(x, kind=c_int64_t), code, writable)
  end function array_of_rank2

  function array_of_rank3(x, code, writable) result(array)
    type(*), intent(in), target, contiguous :: x(:, :, :)
    character(len=1), intent(in) :: code
    logical, intent(in) :: writable
    type(array_t) :: array

    array = described(c_loc(x), shape(x, kind=c_int64_t), code, writable)
  end function array_of_rank3

  pure function described(address, extents, code, writable) result(array)
    type(c_ptr), intent(in) :: address
    integer(c_int64_t), intent(in) :: extents(:)
    character(len=1), intent(in) :: code
    logical, intent(in) :: writable
    type(array_t) :: array

    array%address = address
    array%rank = size(extents, kind=c_int32_t)
    array%shape(:size(extents)) = extents
    array%code = int(iachar(code), c_int32_t)
    array%writable = merge(1_c_int32_t, 0_c_int32_t, writable)
  end function described

  !> Text with the closing null of C.
  pure function c_text(text)
    character(len=*), intent(in) :: text
    character(kind=c_char, len=:), allocatable :: c_text

    c_text = trim(text) // c_null_char
  end function c_text

end module jml_python
