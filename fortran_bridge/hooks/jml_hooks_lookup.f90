!! Search for points by their position, in time that grows with n log n.
module jml_hooks_lookup
  use, intrinsic :: iso_fortran_env, only: int64, real64
  implicit none
  private

  public :: lookup_t, equal_positions

  real(real64), parameter :: TOLERANCE = 1.0e-4_real64   !! two points nearer than this are the same [degrees]
  integer(int64), parameter :: CIRCLE = 3600000_int64    !! cells of TOLERANCE in a circle of latitude

  !> Points, and the cells of TOLERANCE in which they are, in ascending order.
  type :: lookup_t
    real(real64), allocatable :: latitude(:), longitude(:)   !! of the points [degrees]
    integer(int64), allocatable :: cells(:)
    integer, allocatable :: points(:)                    !! index of the point of each cell
    integer :: duplicate = 0                             !! a point that has the position of another one; 0 if there is none
  contains
    procedure :: build
    procedure :: find
  end type lookup_t

contains

  !> Sort points by cell.
  subroutine build(self, latitude, longitude)
    class(lookup_t), intent(out) :: self
    real(real64), intent(in) :: latitude(:), longitude(:)   !! [degrees]
    integer :: k

    self%latitude = latitude
    self%longitude = longitude
    self%points = [(k, k=1, size(latitude))]
    self%cells = cell(row(latitude), column(longitude))
    call merge_sort(self%cells, self%points)
    do k = 2, size(self%cells)
      if (self%cells(k) == self%cells(k - 1)) self%duplicate = self%points(k)
    end do
    do k = 1, size(latitude)
      if (self%duplicate > 0) exit
      if (nearest(self, latitude(k), longitude(k), except=k) > 0) self%duplicate = k
    end do
  end subroutine build

  !> Index of the point at a position; 0 if there is none.
  function find(self, latitude, longitude) result(point)
    class(lookup_t), intent(in) :: self
    real(real64), intent(in) :: latitude, longitude         !! [degrees]
    integer :: point

    point = nearest(self, latitude, longitude, except=0)
  end function find

  !> Index of the nearest point within TOLERANCE, which rounding may have put into a neighbouring cell; 0 if there is none.
  pure function nearest(self, latitude, longitude, except) result(point)
    type(lookup_t), intent(in) :: self
    real(real64), intent(in) :: latitude, longitude         !! [degrees]
    integer, intent(in) :: except                           !! a point that is not meant
    integer :: point
    real(real64) :: distance, least
    integer :: i, j, candidate

    point = 0
    least = TOLERANCE
    do i = -1, 1
      do j = -1, 1
        candidate = search(self, cell(row(latitude) + i, column(longitude) + j))
        if (candidate == 0 .or. candidate == except) cycle
        distance = max(abs(self%latitude(candidate) - latitude), &
          abs(modulo(self%longitude(candidate) - longitude + 180.0_real64, 360.0_real64) - 180.0_real64))
        if (distance >= least) cycle
        point = candidate
        least = distance
      end do
    end do
  end function nearest

  !> Index of the point in a cell; 0 if there is none.
  pure function search(self, wanted) result(point)
    type(lookup_t), intent(in) :: self
    integer(int64), intent(in) :: wanted
    integer :: point
    integer :: low, high, middle

    low = 1
    high = size(self%cells)
    point = 0
    do while (low <= high)
      middle = (low + high) / 2
      if (self%cells(middle) == wanted) then
        point = self%points(middle)
        return
      else if (self%cells(middle) < wanted) then
        low = middle + 1
      else
        high = middle - 1
      end if
    end do
  end function search

  !> Row of the cells at a latitude, from the South Pole.
  elemental function row(latitude)
    real(real64), intent(in) :: latitude                    !! [degrees]
    integer(int64) :: row

    row = nint((latitude + 90.0_real64) / TOLERANCE, int64)
  end function row

  !> Column of the cells at a longitude.
  elemental function column(longitude)
    real(real64), intent(in) :: longitude                   !! [degrees]
    integer(int64) :: column

    column = nint(longitude / TOLERANCE, int64)
  end function column

  !> Number of a cell. Columns are counted round the globe.
  elemental function cell(row, column) result(number)
    integer(int64), intent(in) :: row, column
    integer(int64) :: number

    number = row * CIRCLE + modulo(column, CIRCLE)
  end function cell

  !> Whether points have the same positions in the same order.
  pure function equal_positions(latitude, longitude, other_latitude, other_longitude) result(equal)
    real(real64), intent(in) :: latitude(:), longitude(:)                !! [degrees]
    real(real64), intent(in) :: other_latitude(:), other_longitude(:)
    logical :: equal

    equal = size(latitude) == size(other_latitude)
    if (equal) equal = all(abs(latitude - other_latitude) < TOLERANCE) .and. all(abs(longitude - other_longitude) < TOLERANCE)
  end function equal_positions

  !> Sort keys, and values with them.
  subroutine merge_sort(keys, values)
    integer(int64), intent(inout) :: keys(:)
    integer, intent(inout) :: values(:)
    integer(int64) :: sorted(size(keys))
    integer :: sorted_values(size(keys))
    integer :: width, first, middle, last, i, j, k

    width = 1
    do while (width < size(keys))
      do first = 1, size(keys), 2 * width
        middle = min(first + width, size(keys) + 1)
        last = min(first + 2 * width, size(keys) + 1)
        i = first
        j = middle
        do k = first, last - 1
          if (j >= last) then
            sorted(k) = keys(i)
            sorted_values(k) = values(i)
            i = i + 1
          else if (i < middle .and. keys(min(i, size(keys))) <= keys(j)) then
            sorted(k) = keys(i)
            sorted_values(k) = values(i)
            i = i + 1
          else
            sorted(k) = keys(j)
            sorted_values(k) = values(j)
            j = j + 1
          end if
        end do
      end do
      keys = sorted
      values = sorted_values
      width = 2 * width
    end do
  end subroutine merge_sort

end module jml_hooks_lookup
