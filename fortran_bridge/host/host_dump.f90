!! Dumps of the host. As in JULES, they contain wetness, not water, and no soil properties, and a run with another number of
!! ranks can start from them. Each rank has its own file.
module write_dump_mod
  implicit none
  private

  public :: write_dump, rank_file, positions

contains

  !> Write the state to a file with the name of JULES's dumps.
  subroutine write_dump()
    use ancil_info, only: land_pts
    use jules_fields_mod, only: progs, psparms
    use jules_vars_mod, only: mpi_local_comm
    use model_time_mod, only: current_time, is_spinup, spinup_cycle
    use output_mod, only: output_dir, run_id
    external :: mpi_comm_rank, mpi_comm_size
    character(len=1300) :: name
    character(len=64) :: stamp
    integer :: unit, rank, ranks, error

    call mpi_comm_rank(mpi_local_comm, rank, error)
    call mpi_comm_size(mpi_local_comm, ranks, error)
    name = trim(output_dir) // '/' // trim(run_id) // '.dump.'
    if (is_spinup) then
      write (stamp, '("spin", i0, ".")') spinup_cycle
      name = trim(name) // stamp
    end if
    write (stamp, '(i4.4, 2i2.2, ".", i0, ".nc")') current_time%year, current_time%month, current_time%day, &
      current_time%time
    name = trim(name) // stamp
    open (newunit=unit, file=rank_file(trim(name), rank), access='stream', form='unformatted', status='replace', action='write')
    write (unit) ranks, land_pts, positions()
    write (unit) psparms%sthu_soilt + psparms%sthf_soilt, progs%t_soil_soilt, progs%cs_pool_soilt
    close (unit)
  end subroutine write_dump

  !> Latitude and longitude of the land points of this rank, (land_pts, 2).
  function positions()
    use ancil_info, only: land_pts
    use jules_fields_mod, only: ainfo
    use model_grid_mod, only: latitude, longitude
    use theta_field_sizes, only: t_i_length
    real :: positions(land_pts, 2)
    integer :: l, i, j

    do l = 1, land_pts
      j = (ainfo%land_index(l) - 1) / t_i_length + 1
      i = ainfo%land_index(l) - (j - 1) * t_i_length
      positions(l, :) = [latitude(i, j), longitude(i, j)]
    end do
  end function positions

  !> The file of a rank.
  function rank_file(name, rank) result(path)
    character(len=*), intent(in) :: name
    integer, intent(in) :: rank
    character(len=:), allocatable :: path
    character(len=4) :: text

    write (text, '(i4.4)') rank
    path = name // '.' // text
  end function rank_file

end module write_dump_mod

module read_dump_mod
  implicit none
  private

  public :: read_dump

contains

  !> Read the state of this rank's points; water follows from wetness and the saturation of this run.
  subroutine read_dump(file_name, identifiers)
    use ancil_info, only: dim_cs1, dim_cslayer
    use um_types, only: rk => real_jlslsm
    use jules_fields_mod, only: progs, psparms
    use jules_soil_mod, only: dzsoil, sm_levels
    use write_dump_mod, only: positions, rank_file
    character(len=*) :: file_name          !! path of the dump, without the rank
    character(len=*) :: identifiers(:)     !! variables to read; the host reads all
    real(rk), allocatable :: sthuf(:, :, :), wetness(:, :, :), t_soil(:, :, :), carbon(:, :, :, :)
    real, allocatable :: here(:, :), there(:, :)
    integer :: unit, n, k, l, file, files, points

    if (size(identifiers) == 0) return
    allocate (sthuf, mold=psparms%sthu_soilt)
    sthuf = 0.6_rk                         ! of points that are not in the dump
    here = positions()
    file = 0
    files = 1
    do while (file < files)
      open (newunit=unit, file=rank_file(trim(file_name), file), access='stream', form='unformatted', status='old', action='read')
      read (unit) files, points
      allocate (there(points, 2), wetness(points, 1, sm_levels), t_soil(points, 1, sm_levels), &
        carbon(points, 1, dim_cslayer, dim_cs1))
      read (unit) there, wetness, t_soil, carbon
      close (unit)
      do k = 1, points
        do l = 1, size(here, 1)
          if (any(abs(here(l, :) - there(k, :)) > 0.0)) cycle
          sthuf(l, :, :) = wetness(k, :, :)
          progs%t_soil_soilt(l, :, :) = t_soil(k, :, :)
          progs%cs_pool_soilt(l, :, :, :) = carbon(k, :, :, :)
        end do
      end do
      deallocate (there, wetness, t_soil, carbon)
      file = file + 1
    end do
    do n = 1, sm_levels
      progs%smcl_soilt(:, :, n) = 1000.0_rk * dzsoil(n) * psparms%smvcst_soilt(:, :, n) * sthuf(:, :, n)
    end do
  end subroutine read_dump

end module read_dump_mod
