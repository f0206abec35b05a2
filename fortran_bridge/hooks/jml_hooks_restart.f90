!! The state of the hooks and their modules, which is written beside each dump and read when a run starts from a dump.
!!
!! Each rank has two files: `<dump>.jules_ml.<rank>.state` with the state of the hooks, and `<dump>.jules_ml.<rank>.npz` with
!! the history of the moisture module. JULES names its dumps by date and spin-up cycle, and so are these files.
module jml_hooks_restart
  use, intrinsic :: iso_fortran_env, only: real64
  use jules_ml_bridge, only: jml_state_write, jml_state_read, JML_OK
  use jml_hooks_run, only: run, state_stem, FILE_LENGTH
  use jml_hooks_failure, only: fail, bridge_error
  use jml_hooks_antecedent, only: antecedent_write, antecedent_read
  use jml_hooks_moisture, only: moisture_write, moisture_read
  use jml_hooks_place, only: latitudes, longitudes
  use jml_hooks_properties, only: properties_write, properties_read
  implicit none
  private

  public :: save_state, load_state

  character(len=8), parameter :: MAGIC = 'JML0002 '   !! first bytes of a state file, with the version of its format

contains

  !> Write the state beside the current dump.
  subroutine save_state()
    character(len=FILE_LENGTH) :: stem
    integer :: unit, ierr

    if (.not. has_state()) return
    stem = state_stem(dump_path())
    open (newunit=unit, file=trim(stem) // '.state', access='stream', form='unformatted', status='replace', &
      action='write', iostat=ierr)
    if (ierr /= 0) then
      call fail(trim(stem) // '.state cannot be written: check that the folder of the dump is writable')
      return
    end if
    write (unit) MAGIC, size(latitudes()), real(latitudes(), real64), real(longitudes(), real64), run%day
    if (run%settings%properties) call properties_write(unit)
    if (run%settings%moisture) call moisture_write(unit)
    if (has_antecedent()) call antecedent_write(unit)
    close (unit)
    if (.not. run%settings%moisture) return
    call jml_state_write(trim(stem) // '.npz', ierr)
    if (ierr /= JML_OK) call fail(bridge_error('state of ' // trim(stem)))
  end subroutine save_state

  !> Read the state beside the dump, if the run started from a dump.
  subroutine load_state()
    use logging_mod, only: log_info, log_warn
    character(len=FILE_LENGTH) :: stem
    logical :: there
    integer :: unit, ierr

    if (.not. has_state() .or. len_trim(run%restart_from) == 0) return
    stem = state_stem(trim(run%restart_from))
    inquire (file=trim(stem) // '.state', exist=there)
    if (.not. there) then
      call log_warn('jules_ml', trim(stem) // '.state does not exist beside the dump: the modules start without a history')
      return
    end if
    open (newunit=unit, file=trim(stem) // '.state', access='stream', form='unformatted', status='old', &
      action='read', iostat=ierr)
    if (ierr == 0) call check_header(unit, ierr)
    if (ierr == 0) read (unit, iostat=ierr) run%day
    if (ierr == 0 .and. run%settings%properties) call properties_read(unit, ierr)
    if (ierr == 0 .and. run%settings%moisture) call moisture_read(unit, ierr)
    if (ierr == 0 .and. has_antecedent()) call antecedent_read(unit, ierr)
    if (ierr /= 0) then
      call fail(trim(stem) // '.state does not fit this run: start with the points, levels, hooks, number of ranks ' // &
        'and version of jules_ml of the run that wrote it, or remove the file to start without a history')
      return
    end if
    close (unit)
    if (run%settings%moisture) then
      call jml_state_read(trim(stem) // '.npz', ierr)
      if (ierr /= JML_OK) call fail(bridge_error('state of ' // trim(stem)))
    end if
    call log_info('jules_ml', 'read ' // trim(stem) // '.state')
  end subroutine load_state

  !> Whether any hook that is on has a state.
  logical function has_state()
    has_state = run%settings%moisture .or. run%settings%properties .or. has_antecedent()
  end function has_state

  !> Whether respiration has antecedent drivers, whose means are a state.
  logical function has_antecedent()
    has_antecedent = size(run%settings%antecedent) > 0
  end function has_antecedent

  !> Compare the points of a state file with those of this rank.
  subroutine check_header(unit, status)
    integer, intent(in) :: unit           !! of the open file
    integer, intent(out) :: status        !! 0 if they are equal
    character(len=len(MAGIC)) :: first
    real(real64), allocatable :: latitude(:), longitude(:)
    integer :: n

    read (unit, iostat=status) first, n
    if (status /= 0) return
    if (first /= MAGIC .or. n /= size(latitudes())) then
      status = 1
      return
    end if
    allocate (latitude(n), longitude(n))
    read (unit, iostat=status) latitude, longitude
    if (status /= 0) return
    if (any(abs(latitude - latitudes()) > 1.0e-4_real64) .or. any(abs(longitude - longitudes()) > 1.0e-4_real64)) &
      status = 1
  end subroutine check_header

  !> Path of the current dump.
  function dump_path() result(path)
    use model_time_mod, only: current_time, is_spinup, spinup_cycle
    use output_mod, only: output_dir, run_id
    character(len=FILE_LENGTH) :: path
    character(len=24) :: cycle_text, time_text

    cycle_text = ''
    if (is_spinup) write (cycle_text, '("spin", i0, ".")') spinup_cycle
    write (time_text, '(i4.4, 2i2.2, ".", i0)') current_time%year, current_time%month, current_time%day, &
      current_time%time
    path = trim(output_dir) // '/' // trim(run_id) // '.dump.' // trim(cycle_text) // trim(time_text) // '.nc'
  end function dump_path

end module jml_hooks_restart
