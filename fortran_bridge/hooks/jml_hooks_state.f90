!! The state of the hooks at the points of this rank, and the file in which a rank writes it.
!!
!! A file has, in this order: MAGIC and its size in bytes; the rank, the number of ranks, of points, of soil levels, of scalars
!! and of columns; the day of the run; the hooks; the scalars, which are the same for all points; latitude and longitude; the
!! columns, one value a point. Integers have 32 bits, but for the size; reals have 64. A point is identified by its position, so
!! that a run with another number of ranks can find it.
module jml_hooks_state
  use, intrinsic :: iso_c_binding, only: c_char, c_int, c_null_char
  use, intrinsic :: iso_fortran_env, only: int32, int64, real64
  use jml_hooks_run, only: TEXT_LENGTH
  implicit none
  private

  public :: state_t, header_t, write_state_file, read_header, read_columns

  character(len=8), parameter :: MAGIC = 'JML0003 '   !! first bytes of a file, with the version of its format
  integer, parameter :: HOOKS_LENGTH = 64             !! longest list of hooks [characters]
  integer(int64), parameter :: FIXED = 8 + 8 + 10 * 4 + HOOKS_LENGTH   !! bytes before the scalars
  character(len=*), parameter :: REMEDY = ': take the files from a complete copy of the dump, or remove all ' // &
    'jules_ml files of the dump to start without a history'

  !> What the files of a dump have in common, and the positions of one of them.
  type :: header_t
    integer(int32) :: rank = 0, ranks = 1             !! of the run that wrote the file
    integer(int32) :: levels = 0                      !! soil levels
    integer(int32) :: day(4) = -1                     !! see `run_t`
    character(len=HOOKS_LENGTH) :: hooks = ''         !! hooks that have a state
    real(real64), allocatable :: latitude(:), longitude(:)   !! [degrees]
  end type header_t

  !> Scalars and columns in the order in which the hooks put them in, and later take them out.
  type :: state_t
    integer(int32), allocatable :: scalars(:)         !! the same for all points
    real(real64), allocatable :: columns(:, :)        !! (points, columns)
    integer, private :: scalars_taken = 0, columns_taken = 0
    logical :: complete = .true.                      !! all that was taken was there
  contains
    procedure, private :: put_scalar, put_columns, take_scalar, take_columns
    generic :: put => put_scalar, put_columns
    generic :: take => take_scalar, take_columns
  end type state_t

  interface
    integer(c_int) function c_rename(old, new) bind(c, name='rename')
      import :: c_char, c_int
      character(kind=c_char), intent(in) :: old(*), new(*)
    end function c_rename
  end interface

contains

  !> Append a scalar.
  subroutine put_scalar(self, scalar)
    class(state_t), intent(inout) :: self
    integer, intent(in) :: scalar

    self%scalars = [self%scalars, int(scalar, int32)]
  end subroutine put_scalar

  !> Append columns.
  subroutine put_columns(self, columns)
    class(state_t), intent(inout) :: self
    real(real64), intent(in) :: columns(:, :)         !! (points, columns)
    real(real64), allocatable :: longer(:, :)
    integer :: n

    n = size(self%columns, 2)
    allocate (longer(size(columns, 1), n + size(columns, 2)))
    longer(:, :n) = self%columns
    longer(:, n + 1:) = columns
    call move_alloc(longer, self%columns)
  end subroutine put_columns

  !> The next scalar; 0 if there is none.
  subroutine take_scalar(self, scalar)
    class(state_t), intent(inout) :: self
    integer, intent(out) :: scalar

    scalar = 0
    self%scalars_taken = self%scalars_taken + 1
    self%complete = self%complete .and. self%scalars_taken <= size(self%scalars)
    if (self%complete) scalar = self%scalars(self%scalars_taken)
  end subroutine take_scalar

  !> The next columns; 0 if there are fewer.
  subroutine take_columns(self, columns)
    class(state_t), intent(inout) :: self
    real(real64), intent(out) :: columns(:, :)        !! (points, columns)

    columns = 0.0_real64
    self%complete = self%complete .and. self%columns_taken + size(columns, 2) <= size(self%columns, 2)
    if (self%complete) columns = self%columns(:, self%columns_taken + 1:self%columns_taken + size(columns, 2))
    self%columns_taken = self%columns_taken + size(columns, 2)
  end subroutine take_columns

  !> Write a file beside its place, and rename it when it is complete.
  subroutine write_state_file(path, header, state, problem)
    character(len=*), intent(in) :: path
    type(header_t), intent(in) :: header
    type(state_t), intent(in) :: state
    character(len=TEXT_LENGTH), intent(out) :: problem   !! '' if there is none
    integer(int64) :: written
    integer :: unit, status, closed, points, columns

    points = size(header%latitude)
    columns = size(state%columns, 2)
    open (newunit=unit, file=path // '.part', access='stream', form='unformatted', status='replace', action='write', &
      iostat=status)
    if (status /= 0) then
      problem = path // ' cannot be written: check that the folder of the dump is writable'
      return
    end if
    problem = ''
    write (unit, iostat=status) MAGIC, file_size(points, size(state%scalars), columns), header%rank, header%ranks, &
      int([points], int32), header%levels, int([size(state%scalars), columns], int32), header%day, header%hooks, &
      state%scalars, header%latitude, header%longitude, state%columns
    close (unit, iostat=closed)
    if (status == 0) status = closed
    inquire (file=path // '.part', size=written)   ! libgfortran does not report that it could not write its buffer
    if (written /= file_size(points, size(state%scalars), columns)) status = 1
    if (status == 0) status = c_rename(path // '.part' // c_null_char, path // c_null_char)
    if (status /= 0) problem = path // ' cannot be written: check the free space and the quota of the disk'
  end subroutine write_state_file

  !> Size of a file [bytes].
  pure function file_size(points, scalars, columns) result(bytes)
    integer, intent(in) :: points, scalars, columns
    integer(int64) :: bytes

    bytes = FIXED + 4_int64 * scalars + 8_int64 * points * (2_int64 + columns)
  end function file_size

  !> Read what is before the columns; `state` gets the scalars and columns of the size of this file.
  subroutine read_header(path, header, state, problem)
    character(len=*), intent(in) :: path
    type(header_t), intent(out) :: header
    type(state_t), intent(out) :: state
    character(len=TEXT_LENGTH), intent(out) :: problem   !! '' if there is none
    character(len=len(MAGIC)) :: first
    integer(int64) :: bytes, expected
    integer(int32) :: points, scalars, columns
    integer :: unit, status

    inquire (file=path, size=bytes)
    open (newunit=unit, file=path, access='stream', form='unformatted', status='old', action='read', iostat=status)
    if (status /= 0) then
      problem = path // ' does not exist or cannot be read' // REMEDY
      return
    end if
    first = ''
    read (unit, iostat=status) first(:min(bytes, int(len(MAGIC), int64)))
    problem = wrong_kind(path, first, bytes)
    if (problem == '') then
      read (unit, iostat=status) expected, header%rank, header%ranks, points, header%levels, scalars, columns, header%day, &
        header%hooks
      if (status /= 0 .or. bytes < expected) then
        problem = truncated(path, bytes)
      else if (points < 0 .or. scalars < 0 .or. columns < 0 .or. expected /= file_size(points, scalars, columns)) then
        problem = path // ' is damaged or from a machine with another byte order' // REMEDY
      else
        allocate (state%scalars(scalars), state%columns(points, columns), header%latitude(points), header%longitude(points))
        read (unit, iostat=status) state%scalars, header%latitude, header%longitude
        if (status /= 0) problem = truncated(path, bytes)
      end if
    end if
    close (unit)
  end subroutine read_header

  !> Read the columns of a file whose header has been read.
  subroutine read_columns(path, state, problem)
    character(len=*), intent(in) :: path
    type(state_t), intent(inout) :: state
    character(len=TEXT_LENGTH), intent(out) :: problem   !! '' if there is none
    integer(int64) :: start
    integer :: unit, status

    problem = ''
    start = file_size(size(state%columns, 1), size(state%scalars), 0) + 1
    open (newunit=unit, file=path, access='stream', form='unformatted', status='old', action='read', iostat=status)
    if (status == 0) read (unit, pos=start, iostat=status) state%columns
    if (status /= 0) problem = path // ' cannot be read' // REMEDY
    close (unit, iostat=status)
  end subroutine read_columns

  !> Why a file with these first bytes is not a state file of this version; '' if it is one.
  function wrong_kind(path, first, bytes) result(problem)
    character(len=*), intent(in) :: path
    character(len=*), intent(in) :: first             !! first bytes
    integer(int64), intent(in) :: bytes               !! size of the file
    character(len=TEXT_LENGTH) :: problem
    integer :: length

    problem = ''
    length = int(min(bytes, int(len(MAGIC), int64)))
    if (length < len(MAGIC) .and. first(:length) == MAGIC(:length)) then
      problem = truncated(path, bytes)
    else if (first(:3) /= MAGIC(:3)) then
      problem = path // ' is not a state file of jules_ml' // REMEDY
    else if (first /= MAGIC) then
      problem = path // ' ' // trim(first) // ' is a format of another version of jules_ml, and this version reads ' // &
        trim(MAGIC) // ': restart with that version, or remove all jules_ml files of the dump to start without a history'
    end if
  end function wrong_kind

  !> Message for a file that ends too early.
  function truncated(path, bytes) result(problem)
    character(len=*), intent(in) :: path
    integer(int64), intent(in) :: bytes               !! size of the file
    character(len=TEXT_LENGTH) :: problem

    write (problem, '(2a, i0, a)') path, ' is truncated after ', bytes, &
      ' bytes, since a copy was interrupted or the disk was full' // REMEDY
  end function truncated

end module jml_hooks_state
