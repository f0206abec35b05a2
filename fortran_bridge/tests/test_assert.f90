!! The assertions of the tests.
module test_assert
  use, intrinsic :: iso_fortran_env, only: error_unit
  implicit none
  private

  public :: check, check_status, write_file, finish

  integer, save :: failures = 0, checks = 0

contains

  subroutine check(condition, what)
    logical, intent(in) :: condition
    character(len=*), intent(in) :: what

    checks = checks + 1
    if (condition) return
    failures = failures + 1
    write (error_unit, '(2a)') 'FAILED: ', what
  end subroutine check

  !> A status must be the expected one, and its message must contain a text.
  subroutine check_status(status, expected, text, what)
    use jules_ml_bridge, only: jml_error, JML_OK
    integer, intent(in) :: status, expected
    character(len=*), intent(in) :: text, what
    character(len=1024) :: message

    call jml_error(message)
    call check(status == expected, what // ': status')
    if (status /= expected) write (error_unit, '(a, i0, a, i0)') '  expected ', expected, ', got ', status
    if (expected == JML_OK .and. status == expected) return
    call check(index(message, text) > 0, what // ': message')
    if (index(message, text) == 0) write (error_unit, '(4a)') '  expected ', text, ', got ', trim(message)
  end subroutine check_status

  !> Write lines to a file; `|` ends a line.
  subroutine write_file(path, text)
    character(len=*), intent(in) :: path, text
    integer :: unit, first, length

    open (newunit=unit, file=path, status='replace', action='write')
    first = 1
    do while (first <= len(text))
      length = index(text(first:), '|') - 1
      if (length < 0) length = len(text) - first + 1
      write (unit, '(a)') text(first:first + length - 1)
      first = first + length + 1
    end do
    close (unit)
  end subroutine write_file

  subroutine finish()
    print '(i0, a, i0, a)', checks - failures, ' passed, ', failures, ' failed'
    if (failures > 0) error stop 1
  end subroutine finish

end module test_assert
