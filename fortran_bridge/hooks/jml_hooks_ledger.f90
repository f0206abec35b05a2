!! The ledger of increments: the water [kg m-2] and heat [J m-2] that the hooks add to the soil or remove from it.
!!
!! Increments are summed by point, level and cause. They are written when the day ends, a dump is written or the run
!! ends, so that the budgets of JULES's output can be closed: as a row for each point or for each region in a text file, or for
!! all points in a netCDF file. A row has the time of its last step, because at the end of a spin-up cycle JULES resets the model
!! time before the row is written. Each rank has its own file.
module jml_hooks_ledger
  use, intrinsic :: iso_fortran_env, only: real64
  use datetime_mod, only: datetime
  use jml_hooks_run, only: run, ledger_path, TEXT_LENGTH
  use jml_hooks_failure, only: fail, true_on_all_ranks
  use jml_hooks_column, only: content_t
  use jml_hooks_netcdf, only: has_netcdf, netcdf_file_t
  use jml_hooks_place, only: latitudes, longitudes, soil_points
  use jml_hooks_regions, only: region_t, read_regions
  use jml_hooks_text_file, only: text_file_t
  implicit none
  private

  public :: start_ledger, ledger_is_on, add_to_ledger, write_ledger, close_ledger

  integer, parameter, public :: BY_MOISTURE = 1      !! increments of the moisture hook
  integer, parameter, public :: BY_PROPERTIES = 2    !! increments of the property hook
  character(len=*), parameter :: CAUSES(2) = [character(len=10) :: 'moisture', 'properties']
  character(len=*), parameter :: QUANTITIES(3) = [character(len=13) :: 'water', 'sensible_heat', 'latent_heat']
  character(len=*), parameter :: UNITS(3) = [character(len=6) :: 'kg m-2', 'J m-2', 'J m-2']
  character(len=*), parameter :: TITLE = 'Water and heat that the hooks of jules_ml added to the soil since the previous '
  integer, parameter :: FEW_POINTS = 100             !! 'auto': up to this number of points of the run, each has its rows
  real(real64), parameter :: NEARNESS = 0.005_real64 !! a point of the settings is nearer than this [degrees]
  real(real64), parameter :: ROW_BYTES(2) = [107.0_real64, 100.0_real64]   !! of a point, of a region
  real(real64), parameter :: VALUE_BYTES = 4.0_real64, DAYS = 365.0_real64, GIGABYTE = 1.0e9_real64, MEGABYTE = 1.0e6_real64

  character(len=6), save :: content = ''                !! 'off', 'sums', 'points' or 'full'; '': not started
  type(region_t), allocatable, save :: regions(:)       !! of 'sums'
  integer, allocatable, save :: rows(:)                 !! land points of 'points'
  type(text_file_t), save :: text                       !! of 'sums' and 'points'
  type(netcdf_file_t), save :: file                     !! of 'full'
  real(real64), allocatable, save :: sums(:, :, :, :)   !! since the last row, (land_pts, sm_levels, quantities, causes)
  type(datetime), save :: last_time                     !! start of the last step in the sums
  integer, save :: last_cycle = 0                       !! spin-up cycle of that step; 0: main run
  character(len=40), save :: time_columns = ''          !! of the rows that are being written
  logical, save :: is_empty = .true.                    !! nothing was added since the last row

contains

  !> Decide what is written, and log how large it becomes. Every rank must call it.
  subroutine start_ledger()
    use ancil_info, only: land_pts
    use jules_soil_mod, only: sm_levels
    character(len=TEXT_LENGTH) :: problem
    logical :: few

    content = 'off'
    if (.not. (run%settings%moisture .or. run%settings%properties)) return
    few = true_on_all_ranks(land_pts * run%ranks <= FEW_POINTS)
    content = run%settings%ledger(:len(content))
    if (content == 'auto') content = merge('points', 'sums  ', few)
    problem = ''
    select case (content)
    case ('points')
      call select_points(rows, problem)
    case ('sums')
      call read_regions(trim(run%settings%regions), soil_points(), real(latitudes(), real64), real(longitudes(), real64), &
        regions, problem)
    case ('full')
      if (.not. has_netcdf()) problem = "&jules_ml_ledger: content = 'full' needs a shared netCDF library, and this " // &
        "executable has none: give 'points' or 'sums', or link JULES with a shared netCDF library"
    end select
    if (problem /= '') then
      content = 'off'
      call fail(trim(problem))
      return
    end if
    call log_size(sm_levels, land_pts)
  end subroutine start_ledger

  !> Whether increments are recorded.
  logical function ledger_is_on()
    ledger_is_on = content /= 'off' .and. content /= ''
  end function ledger_is_on

  !> The points of the settings that are on this rank, or all points. Every rank must call it.
  subroutine select_points(points, problem)
    integer, allocatable, intent(out) :: points(:)
    character(len=TEXT_LENGTH), intent(out) :: problem    !! '' if there is none
    real(real64), allocatable :: latitude(:), longitude(:)
    logical, allocatable :: selected(:), near(:)
    logical :: nowhere
    integer :: k

    problem = ''
    points = soil_points()
    if (size(run%settings%ledger_latitude) == 0) return
    latitude = real(latitudes(), real64)
    longitude = real(longitudes(), real64)
    allocate (selected(size(points)), source=.false.)
    do k = 1, size(run%settings%ledger_latitude)
      near = abs(latitude(points) - run%settings%ledger_latitude(k)) < NEARNESS .and. &
        abs(modulo(longitude(points) - run%settings%ledger_longitude(k) + 180.0_real64, 360.0_real64) - 180.0_real64) < NEARNESS
      selected = selected .or. near
      nowhere = true_on_all_ranks(.not. any(near))
      if (nowhere .and. problem == '') write (problem, '(2(a, f0.4), a)') &
        '&jules_ml_ledger: there is no land point with soil within 0.005 degrees of ', &
        run%settings%ledger_latitude(k), ' N, ', run%settings%ledger_longitude(k), ' E: remove it from latitude and longitude'
    end do
    points = pack(points, selected)
  end subroutine select_points

  !> Log the greatest size of all files in a year, with a warning if it is large.
  subroutine log_size(sm_levels, land_pts)
    use logging_mod, only: log_info, log_warn
    integer, intent(in) :: sm_levels, land_pts
    character(len=200) :: line
    character(len=20) :: megabytes
    real(real64) :: bytes
    integer :: n_causes

    n_causes = count([run%settings%moisture, run%settings%properties])
    select case (content)
    case ('points'); bytes = ROW_BYTES(1) * size(rows)
    case ('sums'); bytes = ROW_BYTES(2) * size(regions)
    case ('full'); bytes = VALUE_BYTES * size(QUANTITIES) * land_pts
    case default; return
    end select
    bytes = bytes * sm_levels * n_causes * DAYS * run%ranks
    if (content == 'points' .and. size(run%settings%ledger_latitude) > 0) then
      write (line, '(2(a, i0))') 'ledger of increments: points, of the settings ', size(rows), ' of ', &
        size(run%settings%ledger_latitude)
      line = trim(line) // ' are on this rank'
    else
      write (megabytes, '(f20.1)') bytes / MEGABYTE
      line = 'ledger of increments: ' // trim(content) // ', at most ' // trim(adjustl(megabytes)) // ' MB a year'
    end if
    if (bytes > GIGABYTE) then
      call log_warn('jules_ml', trim(line) // ": content = 'sums' in &jules_ml_ledger, or 'points' with latitude and " // &
        'longitude, is smaller')
    else
      call log_info('jules_ml', trim(line))
    end if
  end subroutine log_size

  !> Add the difference between two contents of a layer to the sums.
  subroutine add_to_ledger(cause, points, level, before, after)
    use ancil_info, only: land_pts
    use jules_soil_mod, only: sm_levels
    use model_time_mod, only: current_time, is_spinup, spinup_cycle
    integer, intent(in) :: cause                 !! BY_MOISTURE or BY_PROPERTIES
    integer, intent(in) :: points(:)             !! land points
    integer, intent(in) :: level                 !! soil level
    type(content_t), intent(in) :: before        !! content before the change
    type(content_t), intent(in) :: after         !! content after the change
    integer :: k

    if (.not. allocated(sums)) allocate (sums(land_pts, sm_levels, size(QUANTITIES), size(CAUSES)), source=0.0_real64)
    last_time = current_time
    last_cycle = merge(spinup_cycle, 0, is_spinup)
    is_empty = .false.
    do k = 1, size(points)
      associate (sum_of => sums(points(k), level, :, cause))
        sum_of(1) = sum_of(1) + (after%water(k) - before%water(k))
        sum_of(2) = sum_of(2) + (after%sensible(k) - before%sensible(k))
        sum_of(3) = sum_of(3) + (after%latent(k) - before%latent(k))
      end associate
    end do
  end subroutine add_to_ledger

  !> Write the sums, and set them back to zero.
  subroutine write_ledger()
    if (is_empty .or. run%failed) return
    call set_time()
    select case (content)
    case ('points'); call write_points()
    case ('sums'); call write_regions()
    case ('full'); call write_record()
    end select
    sums = 0.0_real64
    is_empty = .true.
  end subroutine write_ledger

  !> Write a row for each sum of each point that is not zero.
  subroutine write_points()
    character(len=60) :: place
    real(real64), allocatable :: latitude(:), longitude(:)
    integer :: k, level, cause

    latitude = real(latitudes(), real64)
    longitude = real(longitudes(), real64)
    if (.not. text%is_open()) call open_text('point: land point of this rank, from 1, at latitude and longitude [degrees].', &
      'point,latitude,longitude')
    do cause = 1, size(CAUSES)
      do level = 1, size(sums, 2)
        do k = 1, size(rows)
          write (place, '(i0, 2(",", f0.4))') rows(k), latitude(rows(k)), longitude(rows(k))
          call add_row(trim(place), level, cause, sums(rows(k), level, :, cause))
        end do
      end do
    end do
    call text%flush()
    if (text%failed) call fail_to_write('csv', '')
  end subroutine write_points

  !> Write a row for the mean of each region that is not zero.
  subroutine write_regions()
    character(len=60) :: place
    integer :: k, level, cause

    if (.not. text%is_open()) call open_text('points: land points with soil of this rank in the region; the row is their ' // &
      'mean.', 'region,points')
    do cause = 1, size(CAUSES)
      do level = 1, size(sums, 2)
        do k = 1, size(regions)
          if (size(regions(k)%points) == 0) cycle
          write (place, '(2a, i0)') trim(regions(k)%name), ',', size(regions(k)%points)
          call add_row(trim(place), level, cause, sum(sums(regions(k)%points, level, :, cause), dim=1) / size(regions(k)%points))
        end do
      end do
    end do
    call text%flush()
    if (text%failed) call fail_to_write('csv', '')
  end subroutine write_regions

  !> Write a row, unless all values are zero.
  subroutine add_row(place, level, cause, values)
    character(len=*), intent(in) :: place        !! columns between time and level
    integer, intent(in) :: level, cause
    real(real64), intent(in) :: values(:)        !! of the quantities
    character(len=200) :: row

    if (sum(abs(values)) <= 0.0_real64) return
    write (row, '(4a, i0, 2a, 3(",", es14.7))') trim(time_columns), ',', place, ',', level, ',', trim(CAUSES(cause)), values
    call text%add_line(trim(row))
  end subroutine add_row

  !> Set the first columns of the rows: cycle and time of the last step in the sums.
  subroutine set_time()
    write (time_columns, '(i0, ",", i4.4, 2("-", i2.2), "T", i2.2, 2(":", i2.2))') last_cycle, last_time%year, &
      last_time%month, last_time%day, last_time%time / 3600, mod(last_time%time, 3600) / 60, mod(last_time%time, 60)
  end subroutine set_time

  !> Open the text file, and write the description and the names of its columns.
  subroutine open_text(description, columns)
    character(len=*), intent(in) :: description
    character(len=*), intent(in) :: columns      !! between time and level

    call text%create(trim(ledger_path('csv')))
    call text%add_line('# ' // TITLE // 'row.')
    call text%add_line('# time: start of the last step of the row. cycle: spin-up cycle, 0 in the main run. ' // description)
    call text%add_line('cycle,time,' // columns // ',level,cause,water_kg_m-2,sensible_heat_J_m-2,latent_heat_J_m-2')
  end subroutine open_text

  !> Write a record of all points to the netCDF file.
  subroutine write_record()
    use jules_soil_mod, only: sm_levels
    character(len=24) :: names(size(QUANTITIES) * size(CAUSES)), units_of(size(names))
    integer :: date, cause, k, n
    logical :: is_on(size(CAUSES))

    is_on = [run%settings%moisture, run%settings%properties]
    n = 0
    do cause = 1, size(CAUSES)
      do k = 1, merge(size(QUANTITIES), 0, is_on(cause))
        n = n + 1
        names(n) = trim(CAUSES(cause)) // '_' // QUANTITIES(k)
        units_of(n) = UNITS(k)
      end do
    end do
    if (.not. file%is_open) call file%create(trim(ledger_path('nc')), real(latitudes(), real64), real(longitudes(), real64), &
      sm_levels, names(:n), units_of(:n), TITLE // 'time')
    date = 10000 * last_time%year + 100 * last_time%month + last_time%day
    if (file%is_open) call file%add_record([date, last_time%time, last_cycle], &
      reshape(sums(:, :, :, pack([1, 2], is_on)), [size(sums, 1), size(sums, 2), n]))
    if (file%problem /= '') call fail_to_write('nc', ' (' // trim(file%problem) // ')')
  end subroutine write_record

  !> Stop the run because a file cannot be written.
  subroutine fail_to_write(suffix, reason)
    character(len=*), intent(in) :: suffix, reason

    content = 'off'                              ! no more rows: the run ends
    call fail(trim(ledger_path(suffix)) // ' cannot be written' // reason // ': check that the output folder exists and is ' // &
      "writable, and the free space and the quota of the disk; content = 'sums' or 'off' in &jules_ml_ledger needs less")
  end subroutine fail_to_write

  !> Close the files that are open.
  subroutine close_ledger()
    call text%close()
    call file%close()
    if (content == 'off') return                 ! also after an error that was reported
    if (text%failed) call fail_to_write('csv', '')
    if (file%problem /= '') call fail_to_write('nc', ' (' // trim(file%problem) // ')')
  end subroutine close_ledger

end module jml_hooks_ledger
