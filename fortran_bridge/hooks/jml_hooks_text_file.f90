!! Text files whose writing fails when the disk is full: gfortran's runtime does not report that it could not write its buffer,
!! neither when a file is flushed nor when it is closed. The functions of C do.
module jml_hooks_text_file
  use, intrinsic :: iso_c_binding, only: c_associated, c_char, c_int, c_null_char, c_null_ptr, c_ptr
  implicit none
  private

  public :: text_file_t

  !> A file that is written line by line.
  type :: text_file_t
    logical :: failed = .false.                  !! something could not be written
    type(c_ptr), private :: stream = c_null_ptr
  contains
    procedure :: create
    procedure :: add_line
    procedure :: flush => flush_file
    procedure :: close => close_file
    procedure :: is_open
  end type text_file_t

  interface
    type(c_ptr) function c_fopen(path, mode) bind(c, name='fopen')
      import :: c_char, c_ptr
      character(kind=c_char), intent(in) :: path(*), mode(*)
    end function c_fopen

    integer(c_int) function c_fputs(text, stream) bind(c, name='fputs')
      import :: c_char, c_int, c_ptr
      character(kind=c_char), intent(in) :: text(*)
      type(c_ptr), value :: stream
    end function c_fputs

    integer(c_int) function c_fflush(stream) bind(c, name='fflush')
      import :: c_int, c_ptr
      type(c_ptr), value :: stream
    end function c_fflush

    integer(c_int) function c_fclose(stream) bind(c, name='fclose')
      import :: c_int, c_ptr
      type(c_ptr), value :: stream
    end function c_fclose
  end interface

contains

  !> Open a file for writing, and replace an existing one.
  subroutine create(self, path)
    class(text_file_t), intent(inout) :: self
    character(len=*), intent(in) :: path

    self%stream = c_fopen(path // c_null_char, 'w' // c_null_char)
    self%failed = .not. c_associated(self%stream)
  end subroutine create

  !> Write a line.
  subroutine add_line(self, line)
    class(text_file_t), intent(inout) :: self
    character(len=*), intent(in) :: line

    if (.not. self%failed) self%failed = c_fputs(line // new_line('a') // c_null_char, self%stream) < 0
  end subroutine add_line

  !> Write the buffer to the disk.
  subroutine flush_file(self)
    class(text_file_t), intent(inout) :: self

    if (.not. self%failed) self%failed = c_fflush(self%stream) /= 0
  end subroutine flush_file

  !> Close the file if it is open.
  subroutine close_file(self)
    class(text_file_t), intent(inout) :: self

    if (.not. c_associated(self%stream)) return
    if (c_fclose(self%stream) /= 0) self%failed = .true.
    self%stream = c_null_ptr
  end subroutine close_file

  !> Whether the file is open.
  logical function is_open(self)
    class(text_file_t), intent(in) :: self

    is_open = c_associated(self%stream)
  end function is_open

end module jml_hooks_text_file
