!! Replacements of the procedures of JULES that are called in each step, for each dump and at the end of a run.
!!
!! The linker's --wrap redirects JULES's calls to these procedures; `jml_real_…` are JULES's own (see jml_add_hooks.cmake).
module jml_hooks_step
  use jml_hooks_run, only: run
  use jml_hooks_failure, only: fail, stop_if_any_failed, bridge_error
  use jml_hooks_ledger, only: start_ledger, write_ledger, close_ledger
  use jml_hooks_moisture, only: add_forcing, moisten, try_module
  use jml_hooks_properties, only: mark_properties, prescribed_properties, renew_properties
  use jml_hooks_restart, only: save_state, load_state
  use jml_hooks_start, only: hooks_start
  implicit none
  private

  public :: wrap_update_model_variables, wrap_write_dump, wrap_read_dump, wrap_jules_final

  interface
    subroutine jml_real_update_model_variables()
    end subroutine jml_real_update_model_variables

    subroutine jml_real_write_dump()
    end subroutine jml_real_write_dump

    subroutine jml_real_read_dump(file_name, identifiers)
      character(len=*) :: file_name
      character(len=*) :: identifiers(:)
    end subroutine jml_real_read_dump

    subroutine jml_real_jules_final()
    end subroutine jml_real_jules_final
  end interface

  character(len=*), parameter :: NOT_LINKED = ' was not called in the first step: the linker dropped the hooks, as ' // &
    'link-time optimisation does. Link JULES without -flto and -ipo, and run jules-ml hooks --check'

contains

  !> The start of a step, after JULES has read its files: soil properties, then soil moisture.
  subroutine wrap_update_model_variables()
    logical :: first, new_day

    call hooks_start()
    first = run%on .and. run%steps == 0
    if (run%settings%moisture .and. .not. first) call add_forcing()
    if (run%settings%properties .and. first) call mark_properties()
    call jml_real_update_model_variables()
    if (.not. run%on) return

    if (run%settings%properties .and. first) call refuse_prescribed(prescribed_properties())
    if (first) call start_ledger()
    if (first) call load_state()
    if (run%steps == 1 .and. run%settings%respiration .and. .not. run%microbe_called) &
      call fail('respiration: microbe' // NOT_LINKED)
    run%steps = run%steps + 1

    new_day = day_changed()
    if (new_day) call write_ledger()
    if (run%settings%properties) call renew_properties(new_day)
    if (run%settings%moisture .and. first) call try_module()
    if (run%settings%moisture) call moisten(new_day)
    call stop_if_any_failed()
  end subroutine wrap_update_model_variables

  !> Refuse properties that JULES reads from files in every step, because it would overwrite those of the module.
  subroutine refuse_prescribed(names)
    character(len=*), intent(in) :: names     !! properties that JULES reads from files, or ''

    if (len(names) > 0) call fail('&jules_ml_properties is overwritten by prescribed ' // names // ': remove ' // names // &
      ' from JULES_PRESCRIBED_DATASET')
  end subroutine refuse_prescribed

  !> A dump. The first one, at the end of JULES's start, is the first call of a hook in a run.
  subroutine wrap_write_dump()
    call hooks_start()
    if (run%on .and. run%steps == 0 .and. run_has_stepped()) then
      call fail('update_model_variables' // NOT_LINKED)
      call stop_if_any_failed()
    end if
    call jml_real_write_dump()
    if (.not. run%on .or. run%steps == 0) return
    call write_ledger()
    call save_state()
  end subroutine wrap_write_dump

  !> Store the path of the dump from which the run starts; the state of the modules is beside it.
  subroutine wrap_read_dump(file_name, identifiers)
    character(len=*) :: file_name          !! path of the dump
    character(len=*) :: identifiers(:)     !! what JULES reads from it

    run%restart_from = file_name
    call jml_real_read_dump(file_name, identifiers)
  end subroutine wrap_read_dump

  !> The end of the run, after JULES has closed its output.
  subroutine wrap_jules_final()
    use jules_ml_bridge, only: jml_finalise, JML_OK
    integer :: ierr

    call jml_real_jules_final()
    if (.not. run%on) return
    call write_ledger()
    call close_ledger()
    call jml_finalise(ierr)
    if (ierr /= JML_OK) call fail(bridge_error('end of the run'))
    call stop_if_any_failed()
  end subroutine wrap_jules_final

  !> Whether a day or a spin-up cycle has begun since the last step, which may be before a restart.
  logical function day_changed()
    use model_time_mod, only: current_time, is_spinup, spinup_cycle
    integer :: now(4)

    now = [merge(spinup_cycle, 0, is_spinup), current_time%year, current_time%month, current_time%day]
    day_changed = any(now /= run%day) .and. any(run%day /= -1)
    run%day = now
  end function day_changed

  !> Whether JULES has finished a step.
  logical function run_has_stepped()
    use model_time_mod, only: timestep_number

    run_has_stepped = timestep_number > 1
  end function run_has_stepped

end module jml_hooks_step
