!! A small land model for tests of the hooks: its procedures have JULES's names and arguments, and are called in JULES's order.
!!
!! Run as `host FOLDER`, where FOLDER contains host.nml and, for the hooks, jules_ml.nml.
program host
  use datetime_mod, only: datetime
  use host_start_mod, only: start, n_days, dump_days, spinup_cycles
  use host_step_mod, only: partition_rain, respire, move_water_and_heat
  use jules_final_mod, only: jules_final
  use jules_vars_mod, only: mpi_local_comm
  use model_time_mod, only: advance_time, current_time, is_spinup, spinup_cycle
  use mpi, only: mpi_comm_world
  use output_mod, only: write_step, close_all
  use time_varying_input_mod, only: update_model_variables
  use write_dump_mod, only: write_dump
  implicit none
  external :: mpi_init, mpi_finalize
  character(len=1024) :: nml_dir
  type(datetime) :: run_start
  integer :: error, days
  logical :: end_of_run

  call mpi_init(error)
  mpi_local_comm = mpi_comm_world
  call get_command_argument(1, nml_dir)
  if (len_trim(nml_dir) == 0) nml_dir = '.'
  call start(trim(nml_dir))
  run_start = current_time
  call write_dump()

  days = 0
  end_of_run = .false.
  do while (.not. end_of_run)
    call update_model_variables()
    call partition_rain()
    call respire()
    call move_water_and_heat()
    call write_step()

    call advance_time()
    if (current_time%time /= run_start%time) cycle
    days = days + 1
    if (days == n_days) then
      days = 0
      if (is_spinup) then
        current_time = run_start
        if (spinup_cycle == spinup_cycles) then
          is_spinup = .false.
        else
          spinup_cycle = spinup_cycle + 1
        end if
        call write_dump()
        cycle
      end if
      end_of_run = .true.
    end if
    if (end_of_run) then
      call write_dump()
    else if (dump_days > 0) then
      if (mod(days, dump_days) == 0) call write_dump()
    end if
  end do

  call close_all()
  call jules_final()
  call mpi_finalize(error)
end program host
