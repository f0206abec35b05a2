!! The start of the hooks: reads the configuration, and refuses settings that cannot work before any output is written.
module jml_hooks_start
  use jml_hooks_run, only: run, configuration_path, FILE_LENGTH
  use jml_hooks_failure, only: bridge_error
  use jml_hooks_guards, only: refusal, warning
  use jules_ml_bridge, only: jml_init, jml_kernels, jml_settings_of, settings_t, JML_ANTECEDENT_DRIVERS, JML_OK
  implicit none
  private

  public :: hooks_start

contains

  !> Start the hooks; later calls do nothing.
  subroutine hooks_start()
    use jml_hooks_stamp, only: DESCRIPTION
    use jml_jules_names, only: mpi_local_comm
    use logging_mod, only: log_info, log_fatal, log_warn
    external :: mpi_comm_rank, mpi_comm_size
    character(len=FILE_LENGTH) :: path
    character(len=:), allocatable :: problem
    integer :: ierr

    if (run%started) return
    run%started = .true.
    call mpi_comm_rank(mpi_local_comm, run%rank, ierr)
    call mpi_comm_size(mpi_local_comm, run%ranks, ierr)

    call log_info('jules_ml', 'hooks built for ' // DESCRIPTION)
    path = configuration_path()
    call jml_init(trim(path), ierr)
    if (ierr /= JML_OK) call log_fatal('jules_ml', trim(bridge_error(trim(path))))
    run%settings = jml_settings_of()
    run%on = run%settings%respiration .or. run%settings%properties .or. run%settings%moisture
    if (.not. run%on) then
      call log_info('jules_ml', 'hooks are linked and off: ' // trim(path) // ' is absent or has no group of a hook')
      return
    end if
    problem = refusal(run%settings)
    if (len(problem) > 0) call log_fatal('jules_ml', trim(path) // ': ' // problem)
    call log_info('jules_ml', summary(run%settings))
    problem = warning(run%settings)
    if (len(problem) > 0) call log_warn('jules_ml', problem)
    if (jml_kernels() /= '') call log_info('jules_ml', 'kernels of the native backend: ' // jml_kernels())
  end subroutine hooks_start

  !> One line for the log: the hooks that are on, and their settings.
  function summary(settings) result(text)
    type(settings_t), intent(in) :: settings
    character(len=:), allocatable :: text

    text = 'hooks on:'
    if (settings%respiration) text = text // ' respiration (' // trim(settings%respiration_backend) // &
      antecedent_text(settings%antecedent) // ')'
    if (settings%properties) text = text // ' properties (' // trim(settings%properties_backend) // ')'
    if (settings%moisture) text = text // ' moisture (' // trim(settings%moisture_backend) // ', ' // &
      trim(settings%mode) // ' every ' // trim(settings%every) // ')'
  end function summary

  !> The names of antecedent drivers, for the log; '' if there is none.
  function antecedent_text(drivers) result(text)
    integer, intent(in) :: drivers(:)     !! indices of JML_ANTECEDENT_DRIVERS
    character(len=:), allocatable :: text
    integer :: k

    text = ''
    do k = 1, size(drivers)
      text = text // trim(merge('; antecedent', ',           ', k == 1)) // ' ' // trim(JML_ANTECEDENT_DRIVERS(drivers(k)))
    end do
  end function antecedent_text

end module jml_hooks_start
