!! How a hook stops the model: JULES's output is closed, then JULES's own fatal error says why.
!!
!! Closing output is collective where several ranks share a file. A rank that fails alone therefore notes it, goes on
!! with JULES's own values, and all ranks stop together at the next `stop_if_any_failed`.
module jml_hooks_failure
  use jml_hooks_run, only: run, TEXT_LENGTH
  implicit none
  private

  public :: fail, stop_if_any_failed, bridge_error

contains

  !> Note a failure; stop at once where the process is alone.
  subroutine fail(text)
    use logging_mod, only: log_error
    character(len=*), intent(in) :: text        !! what went wrong, where, and the remedy
    integer, save :: failures = 0
    integer :: mine

    !$omp atomic capture
    failures = failures + 1
    mine = failures
    !$omp end atomic
    if (mine > 1) return                        ! another thread or an earlier step has said it
    run%failure = text
    run%failed = .true.
    if (run%ranks == 1) then
      call stop_run()
    else
      call log_error('jules_ml', trim(text))    ! said now: the first rank to abort takes the others with it
    end if
  end subroutine fail

  !> Stop on all ranks if a hook failed on any of them. Every rank must call it.
  subroutine stop_if_any_failed()
    use mpi, only: mpi_logical, mpi_land
    use jules_vars_mod, only: mpi_local_comm
    external :: mpi_allreduce
    logical :: well, all_well
    integer :: error

    well = .not. run%failed
    all_well = well
    if (run%ranks > 1) call mpi_allreduce(well, all_well, 1, mpi_logical, mpi_land, mpi_local_comm, error)
    if (.not. all_well) call stop_run()
  end subroutine stop_if_any_failed

  !> Close JULES's output, then end the run.
  subroutine stop_run()
    use output_mod, only: close_all
    use logging_mod, only: log_fatal

    if (len_trim(run%failure) == 0) run%failure = 'a hook failed on another rank'
    call close_all()
    call log_fatal('jules_ml', trim(run%failure))
  end subroutine stop_run

  !> The bridge's own sentence for a failure, with where it happened.
  function bridge_error(where) result(text)
    use jules_ml_bridge, only: jml_error
    character(len=*), intent(in) :: where       !! the hook that asked
    character(len=TEXT_LENGTH) :: text
    character(len=TEXT_LENGTH) :: reason

    call jml_error(reason)
    text = where // ': ' // trim(reason)
  end function bridge_error

end module jml_hooks_failure
