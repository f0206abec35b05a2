!! Dumps of the host. As in JULES, they contain wetness, not water, and no soil properties. Each rank has its own file.
module write_dump_mod
  implicit none
  private

  public :: write_dump, rank_file

contains

  !> Write the state to a file with the name of JULES's dumps.
  subroutine write_dump()
    use jules_fields_mod, only: progs, psparms
    use model_time_mod, only: current_time, is_spinup, spinup_cycle
    use output_mod, only: output_dir, run_id
    character(len=1300) :: name
    character(len=64) :: stamp
    integer :: unit

    name = trim(output_dir) // '/' // trim(run_id) // '.dump.'
    if (is_spinup) then
      write (stamp, '("spin", i0, ".")') spinup_cycle
      name = trim(name) // stamp
    end if
    write (stamp, '(i4.4, 2i2.2, ".", i0, ".nc")') current_time%year, current_time%month, current_time%day, &
      current_time%time
    name = trim(name) // stamp
    open (newunit=unit, file=rank_file(trim(name)), access='stream', form='unformatted', status='replace', action='write')
    write (unit) psparms%sthu_soilt + psparms%sthf_soilt, progs%t_soil_soilt, progs%cs_pool_soilt
    close (unit)
  end subroutine write_dump

  !> The file of this rank.
  function rank_file(name) result(path)
    use jules_vars_mod, only: mpi_local_comm
    external :: mpi_comm_rank
    character(len=*), intent(in) :: name
    character(len=:), allocatable :: path
    character(len=4) :: text
    integer :: rank, error

    call mpi_comm_rank(mpi_local_comm, rank, error)
    write (text, '(i4.4)') rank
    path = name // '.' // text
  end function rank_file

end module write_dump_mod

module read_dump_mod
  implicit none
  private

  public :: read_dump

contains

  !> Read the state; water follows from wetness and the saturation of this run.
  subroutine read_dump(file_name, identifiers)
    use um_types, only: rk => real_jlslsm
    use jules_fields_mod, only: progs, psparms
    use jules_soil_mod, only: dzsoil, sm_levels
    use write_dump_mod, only: rank_file
    character(len=*) :: file_name          !! path of the dump, without the rank
    character(len=*) :: identifiers(:)     !! variables to read; the host reads all
    real(rk), allocatable :: sthuf(:, :, :)
    integer :: unit, n

    if (size(identifiers) == 0) return
    allocate (sthuf, mold=psparms%sthu_soilt)
    open (newunit=unit, file=rank_file(trim(file_name)), access='stream', form='unformatted', status='old', action='read')
    read (unit) sthuf, progs%t_soil_soilt, progs%cs_pool_soilt
    close (unit)
    do n = 1, sm_levels
      progs%smcl_soilt(:, :, n) = 1000.0_rk * dzsoil(n) * psparms%smvcst_soilt(:, :, n) * sthuf(:, :, n)
    end do
  end subroutine read_dump

end module read_dump_mod
