!! Regions of the ledger: boxes of latitude and longitude, from a text file.
!!
!! A line of the file has the name of a region and its limits in south, north, west and east [degrees]. Empty lines and lines
!! that begin with # are ignored. A box contains its southern and western limits. Regions may overlap; a point outside all
!! regions is not counted.
module jml_hooks_regions
  use, intrinsic :: iso_fortran_env, only: iostat_end, real64
  use jml_hooks_run, only: TEXT_LENGTH
  implicit none
  private

  public :: region_t, read_regions

  integer, parameter :: LINE_LENGTH = 512              !! longest line [characters]
  integer, parameter :: NAME_LENGTH = 32               !! longest name of a region [characters]

  !> A region and its points on this rank.
  type :: region_t
    character(len=NAME_LENGTH) :: name = ''
    real(real64) :: south = -90, north = 90, west = -180, east = 180   !! [degrees]
    integer, allocatable :: points(:)                  !! land points with soil
  contains
    procedure, private :: contains_point
  end type region_t

contains

  !> Read the regions, or make one region of all points if there is no file.
  subroutine read_regions(path, points, latitude, longitude, regions, problem)
    character(len=*), intent(in) :: path                     !! of the file, or ''
    integer, intent(in) :: points(:)                         !! land points with soil
    real(real64), intent(in) :: latitude(:), longitude(:)    !! of all land points [degrees]
    type(region_t), allocatable, intent(out) :: regions(:)
    character(len=TEXT_LENGTH), intent(out) :: problem       !! '' if there is none
    character(len=LINE_LENGTH) :: line
    type(region_t) :: region
    integer :: unit, status, number

    problem = ''
    allocate (regions(0))
    if (path == '') then
      region%name = 'all'
      region%points = points
      regions = [region]
      return
    end if
    open (newunit=unit, file=path, status='old', action='read', iostat=status)
    if (status /= 0) then
      problem = path // ' cannot be read: check regions in &jules_ml_ledger and the permissions'
      return
    end if
    number = 0
    do
      read (unit, '(a)', iostat=status) line
      if (status == iostat_end) exit
      if (status /= 0) then
        problem = path // ' cannot be read to its end: check that regions in &jules_ml_ledger is a text file, and the disk'
        exit
      end if
      number = number + 1
      line = adjustl(line)
      if (line == '' .or. line(1:1) == '#') cycle
      call parse(line, region, problem)
      if (problem == '' .and. any(regions%name == region%name)) problem = 'region ' // trim(region%name) // &
        ' is in the file more than once: give another name'
      if (problem /= '') then
        write (line, '(a, i0)') ', line ', number
        problem = path // trim(line) // ': ' // trim(problem)
        exit
      end if
      region%points = pack(points, region%contains_point(latitude(points), longitude(points)))
      regions = [regions, region]
    end do
    close (unit)
    if (problem == '' .and. size(regions) == 0) problem = path // ' has no region: give lines of name, south, north, west, east'
  end subroutine read_regions

  !> Read a line.
  subroutine parse(line, region, problem)
    character(len=*), intent(in) :: line
    type(region_t), intent(out) :: region
    character(len=TEXT_LENGTH), intent(out) :: problem       !! '' if there is none
    integer :: blank, status

    problem = ''
    blank = scan(line, ' ,' // char(9))
    if (blank == 0) blank = len(line)
    region%name = line(:blank - 1)
    read (line(blank + 1:), *, iostat=status) region%south, region%north, region%west, region%east
    if (blank - 1 > NAME_LENGTH) then
      write (problem, '(a, i0, a)') 'the name of the region is longer than ', NAME_LENGTH, ' characters: give a shorter name'
    else if (status /= 0) then
      problem = 'the line cannot be read: give name, south, north, west and east'
    else if (.not. (region%south < region%north .and. region%west < region%east)) then
      problem = 'south must be below north, and west below east: over the date line, give an east above 180, as 170 190'
    end if
  end subroutine parse

  !> Whether a point is in the box, with longitudes from -180 to 180 or from 0 to 360.
  elemental logical function contains_point(self, latitude, longitude) result(inside)
    class(region_t), intent(in) :: self
    real(real64), intent(in) :: latitude, longitude          !! [degrees]

    inside = latitude >= self%south .and. latitude < self%north .and. &
      modulo(longitude - self%west, 360.0_real64) < self%east - self%west
  end function contains_point

end module jml_hooks_regions
