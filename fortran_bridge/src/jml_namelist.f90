!! Namelist files: their groups and their paths.
module jml_namelist
  use, intrinsic :: iso_fortran_env, only: int64, real64
  implicit none
  private

  public :: open_namelist, count_groups, refuse_unknown_groups, folder_of, beside, is_given, text_of, unreadable, ABSENT, &
    ABSENT_INTEGER

  real(real64), parameter :: ABSENT = -huge(1.0_real64)     !! marks a number that is not in the file
  integer, parameter :: ABSENT_INTEGER = -huge(1)           !! marks an integer that is not in the file

  integer, parameter :: LINE_LENGTH = 4096

  !> Whether a number is in the file.
  interface is_given
    module procedure is_given_real, is_given_integer
  end interface is_given

contains

  !> Open a file for reading; `message` is empty if there is no error.
  subroutine open_namelist(path, unit, message)
    character(len=*), intent(in) :: path
    integer, intent(out) :: unit
    character(len=:), allocatable, intent(out) :: message
    character(len=256) :: why
    integer :: status

    message = ''
    why = ''
    open (newunit=unit, file=trim(path), status='old', action='read', iostat=status, iomsg=why)
    if (status /= 0) message = trim(path) // ': cannot be opened (' // trim(why) // '): check the path and the permissions'
  end subroutine open_namelist

  !> Number of groups of a name in the file, which is rewound before and after.
  integer function count_groups(unit, group) result(groups)
    integer, intent(in) :: unit
    character(len=*), intent(in) :: group     !! name in lower case
    character(len=:), allocatable :: name
    integer :: line, status

    groups = 0
    line = 0
    rewind (unit)
    do
      call next_group(unit, name, line, status)
      if (status /= 0) exit
      if (name == group) groups = groups + 1
    end do
    rewind (unit)
  end function count_groups

  !> Report a group that is not known: Fortran itself would ignore it silently.
  subroutine refuse_unknown_groups(unit, path, known, message)
    integer, intent(in) :: unit
    character(len=*), intent(in) :: path
    character(len=*), intent(in) :: known(:)  !! names in lower case
    character(len=:), allocatable, intent(out) :: message
    character(len=:), allocatable :: name
    integer :: i, line, status

    message = ''
    line = 0
    rewind (unit)
    do
      call next_group(unit, name, line, status)
      if (status /= 0) exit
      if (any(known == name)) cycle
      message = path // ', line ' // text_of(line) // ': &' // name // ' is not a known group. Known groups:'
      do i = 1, size(known)
        message = message // ' &' // trim(known(i))
      end do
      exit
    end do
    rewind (unit)
  end subroutine refuse_unknown_groups

  !> The name of the next group, in lower case.
  subroutine next_group(unit, name, line, status)
    integer, intent(in) :: unit
    character(len=:), allocatable, intent(out) :: name
    integer, intent(inout) :: line            !! lines read so far
    integer, intent(out) :: status            !! 0, or another value at the end of the file
    character(len=LINE_LENGTH) :: text
    integer :: i, last

    name = ''
    do
      read (unit, '(a)', iostat=status) text
      if (status /= 0) return
      line = line + 1
      text = adjustl(text)
      if (text(1:1) /= '&') cycle
      last = scan(text, ' /!' // achar(9) // achar(13)) - 1
      name = text(2:last)
      do i = 1, len(name)
        if (name(i:i) >= 'A' .and. name(i:i) <= 'Z') name(i:i) = achar(iachar(name(i:i)) + 32)
      end do
      if (name /= 'end') return
    end do
  end subroutine next_group

  !> The folder of a file with its last slash; empty if the path has no slash.
  pure function folder_of(path) result(folder)
    character(len=*), intent(in) :: path
    character(len=:), allocatable :: folder

    folder = path(1:index(path, '/', back=.true.))
  end function folder_of

  !> A path relative to a folder: relative paths in a namelist start from the folder of the namelist.
  pure function beside(folder, path) result(full)
    character(len=*), intent(in) :: folder
    character(len=*), intent(in) :: path
    character(len=:), allocatable :: full

    full = trim(path)
    if (len(full) == 0) return
    if (full(1:1) /= '/') full = folder // full
  end function beside

  !> Message for a group that could not be read. A group that does not end is the end of the file for gfortran, an error for Flang.
  function unreadable(group, iostat, why) result(message)
    character(len=*), intent(in) :: group
    integer, intent(in) :: iostat
    character(len=*), intent(in) :: why
    character(len=:), allocatable :: message

    if (iostat < 0) then
      message = '&' // group // ' is missing, or does not end: close it with / and a line end'
    else
      message = '&' // group // ' cannot be read (' // trim(why) // '): check its entries, and that it is closed with /'
    end if
  end function unreadable

  elemental logical function is_given_real(value) result(is_given)
    real(real64), intent(in) :: value

    is_given = transfer(value, 0_int64) /= transfer(ABSENT, 0_int64)
  end function is_given_real

  elemental logical function is_given_integer(value) result(is_given)
    integer, intent(in) :: value

    is_given = value /= ABSENT_INTEGER
  end function is_given_integer

  !> An integer as text, for messages.
  pure function text_of(value) result(text)
    integer, intent(in) :: value
    character(len=:), allocatable :: text
    character(len=16) :: digits

    write (digits, '(i0)') value
    text = trim(digits)
  end function text_of

end module jml_namelist
