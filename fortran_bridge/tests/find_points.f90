!! Reads positions of points of a rank and of files, and writes what the hooks' search finds; tests/bridge/test_positions.py runs it.
!!
!! Input: number of points of the rank, their latitudes and longitudes, then the same of the files. Output: a point of the rank that
!! has the position of another one, or 0; then for each point of the files its index on the rank, or 0.
program find_points
  use, intrinsic :: iso_fortran_env, only: real64
  use jml_hooks_lookup, only: lookup_t
  implicit none
  type(lookup_t) :: lookup
  real(real64), allocatable :: latitude(:), longitude(:)
  integer :: k

  call read_positions()
  call lookup%build(latitude, longitude)
  call read_positions()
  print '(i0)', lookup%duplicate, (lookup%find(latitude(k), longitude(k)), k=1, size(latitude))

contains

  subroutine read_positions()
    integer :: n

    if (allocated(latitude)) deallocate (latitude, longitude)
    read (*, *) n
    allocate (latitude(n), longitude(n))
    read (*, *) latitude
    read (*, *) longitude
  end subroutine read_positions

end program find_points
