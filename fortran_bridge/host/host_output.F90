!! Output of the host: a table, and a netCDF file that stays open during the run, as in JULES.
module output_mod
  implicit none
  private

  public :: open_all, write_step, close_all

  character(len=1024), public :: output_dir = 'output'
  character(len=256), public :: run_id = 'host'
  integer, save :: unit = 0              !! of the table; 0: not open
#if defined(JML_HOST_NETCDF)
  integer, save :: ncid = -1             !! of the netCDF file; -1: not open
  integer, save :: varid, records = 0
#endif

contains

  !> Open the files of this rank.
  subroutine open_all()
    character(len=1300) :: stem

    stem = trim(output_dir) // '/' // trim(run_id) // '.' // rank_text()
    open (newunit=unit, file=trim(stem) // '.csv', status='replace', action='write')
    write (unit, '(a)') 'step,cycle,time,point,level,latitude,longitude,smcl,sthu,sthf,t_soil,fsth,ftemp,resp,cs,satcon0,' // &
      'infil,b,sm_sat,v_close,gained,tl_1'
    call open_netcdf(trim(stem) // '.nc')
  end subroutine open_all

  !> Write the state at the end of a step.
  subroutine write_step()
    use ancil_info, only: land_pts, dim_cslayer
    use host_step_mod, only: gained, resp_s, sf_diag
    use jules_fields_mod, only: ainfo, forcing, progs, psparms
    use jules_soil_mod, only: sm_levels
    use model_grid_mod, only: latitude, longitude
    use model_time_mod, only: current_time, is_spinup, spinup_cycle, timestep_number
    use theta_field_sizes, only: t_i_length
    real(kind(1.0d0)) :: f, g
    integer :: l, n, layer, i, j

    if (unit == 0) call open_all()
    do n = 1, sm_levels
      layer = min(n, dim_cslayer)
      do l = 1, land_pts
        j = (ainfo%land_index(l) - 1) / t_i_length + 1
        i = ainfo%land_index(l) - (j - 1) * t_i_length
        f = 0
        g = 0
        if (sf_diag%l_fsth) f = sf_diag%fsth(l, n)
        if (sf_diag%l_ftemp) g = sf_diag%ftemp(l, n)
        write (unit, '(i0, ",", i0, ",", i4.4, 2("-", i2.2), "T", i2.2, 2(",", i0), 17(",", es24.16))') &
          timestep_number, merge(spinup_cycle, 0, is_spinup), current_time%year, current_time%month, current_time%day, &
          current_time%time / 3600, l, n, latitude(i, j), longitude(i, j), &
          real([progs%smcl_soilt(l, 1, n), psparms%sthu_soilt(l, 1, n), psparms%sthf_soilt(l, 1, n), &
          progs%t_soil_soilt(l, 1, n)], kind(1.0d0)), f, g, &
          real([sum(resp_s(l, layer, :)), sum(progs%cs_pool_soilt(l, 1, layer, :)), psparms%satcon_soilt(l, 1, 0), &
          psparms%infil_surft(l, 1), psparms%bexp_soilt(l, 1, n), psparms%smvcst_soilt(l, 1, n), &
          psparms%v_close_pft(l, n, 1)], kind(1.0d0)), gained(l), real(forcing%tl_1_ij(i, j), kind(1.0d0))
      end do
    end do
    call write_netcdf()
  end subroutine write_step

  !> Close the open files.
  subroutine close_all()
    if (unit /= 0) close (unit)
    unit = 0
    call close_netcdf()
  end subroutine close_all

  function rank_text() result(text)
    use jules_vars_mod, only: mpi_local_comm
    external :: mpi_comm_rank
    character(len=4) :: text
    integer :: rank, error

    call mpi_comm_rank(mpi_local_comm, rank, error)
    write (text, '(i4.4)') rank
  end function rank_text

#if defined(JML_HOST_NETCDF)
  subroutine open_netcdf(path)
    use ancil_info, only: land_pts
    use jules_soil_mod, only: sm_levels
    use netcdf, only: nf90_create, nf90_def_dim, nf90_def_var, nf90_enddef, nf90_netcdf4, nf90_clobber, nf90_unlimited, &
      nf90_double
    character(len=*), intent(in) :: path
    integer :: dims(3)

    call check_netcdf(nf90_create(path, ior(nf90_netcdf4, nf90_clobber), ncid))
    call check_netcdf(nf90_def_dim(ncid, 'land', land_pts, dims(1)))
    call check_netcdf(nf90_def_dim(ncid, 'soil', sm_levels, dims(2)))
    call check_netcdf(nf90_def_dim(ncid, 'time', nf90_unlimited, dims(3)))
    call check_netcdf(nf90_def_var(ncid, 'smcl', nf90_double, dims, varid))
    call check_netcdf(nf90_enddef(ncid))
  end subroutine open_netcdf

  subroutine write_netcdf()
    use jules_fields_mod, only: progs
    use netcdf, only: nf90_put_var

    records = records + 1
    call check_netcdf(nf90_put_var(ncid, varid, real(progs%smcl_soilt(:, 1, :), kind(1.0d0)), start=[1, 1, records]))
  end subroutine write_netcdf

  subroutine close_netcdf()
    use netcdf, only: nf90_close

    if (ncid /= -1) call check_netcdf(nf90_close(ncid))
    ncid = -1
  end subroutine close_netcdf

  subroutine check_netcdf(status)
    use logging_mod, only: log_fatal
    use netcdf, only: nf90_noerr, nf90_strerror
    integer, intent(in) :: status

    if (status /= nf90_noerr) call log_fatal('output_mod', nf90_strerror(status))
  end subroutine check_netcdf
#else
  subroutine open_netcdf(path)
    character(len=*), intent(in) :: path
    if (len(path) == 0) return
  end subroutine open_netcdf

  subroutine write_netcdf()
  end subroutine write_netcdf

  subroutine close_netcdf()
  end subroutine close_netcdf
#endif

end module output_mod
