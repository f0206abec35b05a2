!! How a hook stops the model: it closes JULES's output and calls JULES's own fatal error with the message.
!!
!! Closing output is collective if several ranks share a file. A rank that fails alone therefore stores the message and
!! continues with JULES's own values; all ranks stop together at the next `stop_if_any_failed`.
module jml_hooks_failure
  use jml_hooks_run, only: run, TEXT_LENGTH
  implicit none
  private

  public :: fail, stop_if_any_failed, bridge_error

contains

  !> Store the message of an error, and stop at once if there is only one rank.
  subroutine fail(text)
    use logging_mod, only: log_error
    character(len=*), intent(in) :: text        !! what is wrong, where, and the remedy
    integer, save :: failures = 0
    integer :: number

    !$omp atomic capture
    failures = failures + 1
    number = failures
    !$omp end atomic
    if (number > 1) return                      ! only the first error is reported
    run%failure = text
    run%failed = .true.
    if (run%ranks == 1) then
      call stop_run()
    else
      call log_error('jules_ml', trim(text))    ! written now, because the first rank to abort ends the others
    end if
  end subroutine fail

  !> Stop on all ranks if a hook failed on any of them. Every rank must call it.
  subroutine stop_if_any_failed()
    use mpi, only: mpi_logical, mpi_land
    use jml_jules_names, only: mpi_local_comm
    external :: mpi_allreduce
    logical :: ok, all_ok
    integer :: error

    ok = .not. run%failed
    all_ok = ok
    if (run%ranks > 1) call mpi_allreduce(ok, all_ok, 1, mpi_logical, mpi_land, mpi_local_comm, error)
    if (.not. all_ok) call stop_run()
  end subroutine stop_if_any_failed

  !> Close JULES's output, then end the run.
  subroutine stop_run()
    use output_mod, only: close_all
    use logging_mod, only: log_fatal

    if (len_trim(run%failure) == 0) run%failure = 'a hook failed on another rank: see the message of that rank'
    call close_all()
    call log_fatal('jules_ml', trim(run%failure))
  end subroutine stop_run

  !> The message of the bridge for its last error, after the name of the hook.
  function bridge_error(where) result(text)
    use jules_ml_bridge, only: jml_error
    character(len=*), intent(in) :: where       !! name of the hook
    character(len=TEXT_LENGTH) :: text
    character(len=TEXT_LENGTH) :: reason

    call jml_error(reason)
    text = where // ': ' // trim(reason)
  end function bridge_error

end module jml_hooks_failure
