!! The ledger of increments: every kg m-2 of water and J m-2 of heat that a hook puts into the soil or takes out.
!!
!! Increments are added up by point, level and cause, and written as a row each when the day ends, a dump is written or
!! the run ends, so that the budgets of JULES's output close on paper. A row bears the time of the last step in it, not
!! that of its writing: at the end of a cycle of spin-up the clock has then turned back already. One file a rank.
module jml_hooks_ledger
  use, intrinsic :: iso_fortran_env, only: real64
  use datetime_mod, only: datetime
  use jml_hooks_run, only: run, diagnostics_path
  use jml_hooks_failure, only: fail
  use jml_hooks_column, only: content_t
  implicit none
  private

  public :: book, write_ledger, close_ledger

  integer, parameter, public :: BY_MOISTURE = 1      !! increments of the moisture hook
  integer, parameter, public :: BY_PROPERTIES = 2    !! increments of the property hook
  character(len=*), parameter :: CAUSES(2) = [character(len=10) :: 'moisture', 'properties']

  real(real64), allocatable, save :: water(:, :, :)     !! since the last row [kg m-2], (land_pts, sm_levels, causes)
  real(real64), allocatable, save :: sensible(:, :, :)  !! [J m-2]
  real(real64), allocatable, save :: latent(:, :, :)    !! [J m-2]
  type(datetime), save :: last_time                     !! start of the last step that was booked
  integer, save :: last_cycle = 0                       !! and its cycle of spin-up; 0: main run
  integer, save :: unit = 0                             !! of the open file; 0: not open yet

contains

  !> Book the difference between two contents of a layer.
  subroutine book(cause, points, level, before, after)
    use ancil_info, only: land_pts
    use jules_soil_mod, only: sm_levels
    use model_time_mod, only: current_time, is_spinup, spinup_cycle
    integer, intent(in) :: cause                 !! BY_MOISTURE or BY_PROPERTIES
    integer, intent(in) :: points(:)             !! land points
    integer, intent(in) :: level                 !! soil level
    type(content_t), intent(in) :: before        !! what the layer held
    type(content_t), intent(in) :: after         !! what it holds

    if (.not. allocated(water)) then
      allocate (water(land_pts, sm_levels, size(CAUSES)), source=0.0_real64)
      allocate (sensible, latent, source=water)
    end if
    last_time = current_time
    last_cycle = merge(spinup_cycle, 0, is_spinup)
    water(points, level, cause) = water(points, level, cause) + (after%water - before%water)
    sensible(points, level, cause) = sensible(points, level, cause) + (after%sensible - before%sensible)
    latent(points, level, cause) = latent(points, level, cause) + (after%latent - before%latent)
  end subroutine book

  !> Write the rows of what was booked since the last time, and start again from zero.
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
          if (ierr /= 0) call fail('cannot write ' // trim(diagnostics_path()) // ': is the disk full?')
        end do
      end do
    end do
    flush (unit)
    water = 0.0_real64
    sensible = 0.0_real64
    latent = 0.0_real64
  end subroutine write_ledger

  !> Close the file, if there is one.
  subroutine close_ledger()
    if (unit /= 0) close (unit)
    unit = 0
  end subroutine close_ledger

  !> Start the file with what its columns mean, and where the points of this rank lie.
  subroutine open_ledger()
    integer :: ierr

    open (newunit=unit, file=trim(diagnostics_path()), status='replace', action='write', iostat=ierr)
    if (ierr /= 0) then
      call fail('cannot open ' // trim(diagnostics_path()) // ': does the output folder exist?')
      return
    end if
    write (unit, '(a)') '# Water and heat that the hooks of jules_ml added to the soil since the row before. time: start of the'
    write (unit, '(a)') '# last step in it. cycle: spin-up cycle, 0 in the main run. point: land point of this rank, from 1.'
    write (unit, '(a)') 'cycle,time,point,level,cause,water_kg_m-2,sensible_heat_J_m-2,latent_heat_J_m-2'
  end subroutine open_ledger

end module jml_hooks_ledger
