!! The ledger of increments: the water [kg m-2] and heat [J m-2] that the hooks add to the soil or remove from it.
!!
!! Increments are summed by point, level and cause. A row of each is written when the day ends, a dump is written or the run
!! ends, so that the budgets of JULES's output can be closed. A row has the time of its last step, because at the
!! end of a spin-up cycle JULES resets the model time before the row is written. Each rank has its own file.
module jml_hooks_ledger
  use, intrinsic :: iso_fortran_env, only: real64
  use datetime_mod, only: datetime
  use jml_hooks_run, only: diagnostics_path
  use jml_hooks_failure, only: fail
  use jml_hooks_column, only: content_t
  implicit none
  private

  public :: add_to_ledger, write_ledger, close_ledger

  integer, parameter, public :: BY_MOISTURE = 1      !! increments of the moisture hook
  integer, parameter, public :: BY_PROPERTIES = 2    !! increments of the property hook
  character(len=*), parameter :: CAUSES(2) = [character(len=10) :: 'moisture', 'properties']

  real(real64), allocatable, save :: water(:, :, :)     !! since the last row [kg m-2], (land_pts, sm_levels, causes)
  real(real64), allocatable, save :: sensible(:, :, :)  !! [J m-2]
  real(real64), allocatable, save :: latent(:, :, :)    !! [J m-2]
  type(datetime), save :: last_time                     !! start of the last step in the sums
  integer, save :: last_cycle = 0                       !! spin-up cycle of that step; 0: main run
  integer, save :: unit = 0                             !! of the open file; 0: not open

contains

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

    if (.not. allocated(water)) then
      allocate (water(land_pts, sm_levels, size(CAUSES)), source=0.0_real64)
      allocate (sensible, latent, source=water)
    end if
    last_time = current_time
    last_cycle = merge(spinup_cycle, 0, is_spinup)
    water(points, level, cause) = water(points, level, cause) + (after%water - before%water)
    sensible(points, level, cause) = sensible(points, level, cause) + (after%sensible - before%sensible)
    latent(points, level, cause) = latent(points, level, cause) + (after%latent - before%latent)
  end subroutine add_to_ledger

  !> Write a row for each sum, and set the sums back to zero.
  subroutine write_ledger()
    character(len=*), parameter :: ROW = '(i0, ",", i4.4, 2("-", i2.2), "T", i2.2, 2(":", i2.2), 2(",", i0), ",", a, &
      &3(",", es14.7))'
    integer :: point, level, cause, ierr

    if (.not. allocated(water)) return
    if (unit == 0) call open_ledger()
    do cause = 1, size(CAUSES)
      do level = 1, size(water, 2)
        do point = 1, size(water, 1)
          if (abs(water(point, level, cause)) + abs(sensible(point, level, cause)) + &
            abs(latent(point, level, cause)) <= 0.0_real64) cycle
          write (unit, ROW, iostat=ierr) last_cycle, last_time%year, last_time%month, last_time%day, &
            last_time%time / 3600, mod(last_time%time, 3600) / 60, mod(last_time%time, 60), point, level, &
            trim(CAUSES(cause)), water(point, level, cause), sensible(point, level, cause), latent(point, level, cause)
          if (ierr /= 0) call fail(trim(diagnostics_path()) // ' cannot be written: check the free space of the disk')
        end do
      end do
    end do
    flush (unit)
    water = 0.0_real64
    sensible = 0.0_real64
    latent = 0.0_real64
  end subroutine write_ledger

  !> Close the file if it is open.
  subroutine close_ledger()
    if (unit /= 0) close (unit)
    unit = 0
  end subroutine close_ledger

  !> Open the file, and write the description and the names of its columns.
  subroutine open_ledger()
    integer :: ierr

    open (newunit=unit, file=trim(diagnostics_path()), status='replace', action='write', iostat=ierr)
    if (ierr /= 0) then
      call fail(trim(diagnostics_path()) // ' cannot be opened: check that the output folder exists and is writable')
      return
    end if
    write (unit, '(a)') '# Water and heat that the hooks of jules_ml added to the soil since the previous row. time: start of the'
    write (unit, '(a)') '# last step of the row. cycle: spin-up cycle, 0 in the main run. point: land point of this rank, from 1.'
    write (unit, '(a)') 'cycle,time,point,level,cause,water_kg_m-2,sensible_heat_J_m-2,latent_heat_J_m-2'
  end subroutine open_ledger

end module jml_hooks_ledger
