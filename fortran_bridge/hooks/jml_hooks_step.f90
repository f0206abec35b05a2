!! Stand-ins for the procedures of JULES that mark the course of a run: its steps, dumps and end.
!!
!! The linker's --wrap sends JULES's calls here; `jml_real_…` are JULES's own procedures (see CMakeLists.txt).
module jml_hooks_step
  use jml_hooks_run, only: run
  use jml_hooks_failure, only: fail, stop_if_any_failed, bridge_error
  use jml_hooks_ledger, only: write_ledger, close_ledger
  use jml_hooks_moisture, only: note_weather, moisten, try_module
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
    'link-time optimisation does; link JULES without -flto or -ipo, and see jules-ml hooks --check'

contains

  !> The start of a step, once JULES has read what its files prescribe: soil properties, then soil moisture.
  subroutine wrap_update_model_variables()
    logical :: first, new_day

    call hooks_start()
    first = run%on .and. run%steps == 0
    if (run%settings%moisture .and. .not. first) call note_weather()
    if (run%settings%properties .and. first) call mark_properties()
    call jml_real_update_model_variables()
    if (.not. run%on) return

    if (run%settings%properties .and. first) call refuse_prescribed(prescribed_properties())
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

  !> Files that prescribe what a module is to give would undo it in every step.
  subroutine refuse_prescribed(names)
    character(len=*), intent(in) :: names     !! properties that JULES reads from files in every step, or ''

    if (len(names) > 0) call fail('&jules_ml_properties is undone by prescribed ' // names // ': take it out of ' // &
      'JULES_PRESCRIBED_DATASET')
  end subroutine refuse_prescribed

  !> A dump; the first one, at the end of JULES's start, is the first sight that the hooks have of the run.
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

  !> Note which dump the run starts from; the state of the modules lies beside it.
  subroutine wrap_read_dump(file_name, identifiers)
    character(len=*) :: file_name          !! path of the dump
    character(len=*) :: identifiers(:)     !! what JULES reads from it

    run%restart_from = file_name
    call jml_real_read_dump(file_name, identifiers)
  end subroutine wrap_read_dump

  !> The end of the run, when JULES's output is closed.
  subroutine wrap_jules_final()
    use jules_ml_bridge, only: jml_finalise, JML_OK
    integer :: ierr

    call jml_real_jules_final()
    if (.not. run%on) return
    call write_ledger()
    call close_ledger()
    call jml_finalise(ierr)
    if (ierr /= JML_OK) call fail(bridge_error('closing'))
    call stop_if_any_failed()
  end subroutine wrap_jules_final

  !> Whether a new day, or a new cycle of spin-up, has begun since the last step, or the last before a restart.
  logical function day_changed()
    use model_time_mod, only: current_time, is_spinup, spinup_cycle
    integer :: now(4)

    now = [merge(spinup_cycle, 0, is_spinup), current_time%year, current_time%month, current_time%day]
    day_changed = any(now /= run%day) .and. any(run%day /= -1)
    run%day = now
  end function day_changed

  !> Whether JULES has finished a step already.
  logical function run_has_stepped()
    use model_time_mod, only: timestep_number

    run_has_stepped = timestep_number > 1
  end function run_has_stepped

end module jml_hooks_step
