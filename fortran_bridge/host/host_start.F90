!! The start of the host: its settings, its grid, which is divided among the ranks, and its initial state.
module host_start_mod
  use um_types, only: rk => real_jlslsm
  implicit none
  private

  public :: start

  integer, public :: n_days = 10            !! days of the main run
  integer, public :: dump_days = 0          !! days between dumps; 0: dumps at the start and the end only
  integer, public :: spinup_cycles = 0      !! number of spin-up cycles, each over the days of the run
  logical :: replicates = .false.           !! all columns of the grid are at the same longitude

contains

  !> Read `host.nml` in the namelist folder, and set the state.
  subroutine start(nml_dir)
    use ancil_info, only: dim_cs1, dim_cslayer, nsoilt
    use datetime_mod, only: datetime
    use host_step_mod, only: microbe_calls, use_threads
    use jules_hydrology_mod, only: l_top
    use jules_irrig_mod, only: l_irrig_dmd
    use jules_model_environment_mod, only: lsm_id
    use jules_soil_biogeochem_mod, only: l_layeredC, l_soil_resp_lev2, soil_bgc_model, soil_model_4pool
#if JML_HOST_JULES >= 82
    use jules_soil_biogeochem_mod, only: l_bgc_heat, heat_of_respiration
#endif
    use jules_soil_mod, only: sm_levels
    use jules_vegetation_mod, only: l_use_pft_psi
    use model_time_mod, only: current_time, is_spinup, spinup_cycle
    use output_mod, only: output_dir, run_id
    use read_dump_mod, only: read_dump
    use update_mod, only: have_prescribed_b, have_prescribed_sthuf, l_imogen
    character(len=*), intent(in) :: nml_dir
    integer :: unit, nx, ny, start_date(4)
    logical :: diagnostics
    character(len=1024) :: restart_from
    namelist /host/ nx, ny, n_days, dump_days, spinup_cycles, replicates, start_date, run_id, output_dir, restart_from, &
      use_threads, microbe_calls, diagnostics, soil_bgc_model, l_layeredC, l_soil_resp_lev2, l_top, l_irrig_dmd, l_use_pft_psi, &
#if JML_HOST_JULES >= 82
      l_bgc_heat, heat_of_respiration, &
#endif
      have_prescribed_b, have_prescribed_sthuf, l_imogen, nsoilt, lsm_id

    nx = 3
    ny = 2
    start_date = [2001, 1, 1, 0]
    restart_from = ''
    diagnostics = .true.
    open (newunit=unit, file=nml_dir // '/host.nml', status='old', action='read')
    read (unit, nml=host)
    close (unit)

    if (soil_bgc_model == soil_model_4pool) dim_cs1 = 4
    if (l_layeredC) dim_cslayer = sm_levels
    current_time = datetime(start_date(1), start_date(2), start_date(3), start_date(4))
    is_spinup = spinup_cycles > 0
    if (is_spinup) spinup_cycle = 1
    call make_grid(nx, ny)
    call make_soil()
    call make_diagnostics(diagnostics)
    if (len_trim(restart_from) > 0) call read_dump(trim(restart_from), ['sthuf '])
    call partition_ice()
  end subroutine start

  !> Divide the columns of the grid among the ranks. The first point of the grid is sea and the last one is ice.
  subroutine make_grid(nx, ny)
    use ancil_info, only: land_pts, nsurft
    use jules_fields_mod, only: ainfo, forcing
    use jules_forcing_mod, only: u_1_ij, v_1_ij
    use jules_vars_mod, only: mpi_local_comm
    use model_grid_mod, only: latitude, longitude
    use theta_field_sizes, only: t_i_length, t_j_length
    external :: mpi_comm_rank, mpi_comm_size
    integer, intent(in) :: nx, ny               !! of the whole grid
    integer :: rank, ranks, error, i, j, l, first, sea

    call mpi_comm_rank(mpi_local_comm, rank, error)
    call mpi_comm_size(mpi_local_comm, ranks, error)
    first = rank * nx / ranks
    t_i_length = (rank + 1) * nx / ranks - first
    t_j_length = ny
    sea = merge(1, 0, rank == 0)
    land_pts = t_i_length * ny - sea

    allocate (latitude(t_i_length, ny), longitude(t_i_length, ny))
    do j = 1, ny
      do i = 1, t_i_length
        latitude(i, j) = 50.0 + j
        longitude(i, j) = real(first + i)
      end do
    end do
    if (replicates) longitude = 1.0
    allocate (ainfo%land_index(land_pts), ainfo%l_soil_point(land_pts), ainfo%surft_pts(nsurft))
    allocate (ainfo%surft_index(land_pts, nsurft), ainfo%frac_surft(land_pts, nsurft))
    ainfo%land_index = [(l + sea, l=1, land_pts)]
    ainfo%l_soil_point = .true.
    if (rank == ranks - 1 .and. land_pts > 1) ainfo%l_soil_point(land_pts) = .false.
    ainfo%surft_pts = land_pts
    ainfo%surft_index = spread([(l, l=1, land_pts)], 2, nsurft)
    ainfo%frac_surft(:, 1) = 0.7_rk
    ainfo%frac_surft(:, 2) = 0.3_rk

    allocate (forcing%ls_rain_ij(t_i_length, ny), source=0.0)
    allocate (forcing%con_rain_ij, forcing%ls_snow_ij, forcing%con_snow_ij, forcing%sw_down_ij, forcing%lw_down_ij, &
      forcing%tl_1_ij, forcing%qw_1_ij, forcing%pstar_ij, u_1_ij, v_1_ij, source=forcing%ls_rain_ij)
  end subroutine make_grid

  !> Initial soil, water, heat and carbon.
  subroutine make_soil()
    use ancil_info, only: dim_cs1, dim_cslayer, land_pts, nsurft
    use infiltration_rate_mod, only: infiltration_rate
    use jules_fields_mod, only: ainfo, progs, psparms
    use jules_soil_mod, only: dzsoil, sm_levels
    integer :: n

    allocate (psparms%bexp_soilt(land_pts, 1, sm_levels), source=6.6_rk)
    allocate (psparms%sathh_soilt, psparms%hcap_soilt, psparms%smvccl_soilt, psparms%smvcst_soilt, psparms%smvcwt_soilt, &
      psparms%sthu_soilt, psparms%sthf_soilt, progs%smcl_soilt, progs%t_soil_soilt, mold=psparms%bexp_soilt)
    allocate (psparms%satcon_soilt(land_pts, 1, 0:sm_levels), source=0.0047_rk)
    allocate (psparms%hcon_soilt(land_pts, 1, 0:sm_levels), source=0.23_rk)
    allocate (psparms%infil_surft(land_pts, nsurft), psparms%v_close_pft(land_pts, sm_levels, 1), source=0.0_rk)
    allocate (psparms%v_open_pft, source=psparms%v_close_pft)
    psparms%sathh_soilt = 0.05_rk
    psparms%hcap_soilt = 1.2e6_rk
    psparms%smvcst_soilt = 0.45_rk
    psparms%smvccl_soilt = 0.24_rk
    psparms%smvcwt_soilt = 0.13_rk
    progs%t_soil_soilt = 278.0_rk
    do n = 1, sm_levels
      progs%smcl_soilt(:, :, n) = 1000.0_rk * dzsoil(n) * 0.3_rk
    end do
    allocate (progs%cs_pool_soilt(land_pts, 1, dim_cslayer, dim_cs1), source=3.0_rk)
    call infiltration_rate(land_pts, nsurft, ainfo%surft_pts, ainfo%surft_index, psparms%satcon_soilt(:, :, 0), &
      ainfo%frac_surft, psparms%infil_surft)
  end subroutine make_soil

  !> Allocate the diagnostics: with one element if they are not requested.
  subroutine make_diagnostics(requested)
    use ancil_info, only: dim_cs1, dim_cslayer, land_pts
    use host_step_mod, only: resp_s, sf_diag
    use jules_soil_mod, only: sm_levels
    logical, intent(in) :: requested

    allocate (resp_s(land_pts, dim_cslayer, dim_cs1), source=0.0_rk)
    sf_diag%l_fsth = requested
    sf_diag%l_ftemp = requested
    if (requested) then
      allocate (sf_diag%fsth(land_pts, sm_levels), sf_diag%ftemp(land_pts, sm_levels), source=0.0_rk)
    else
      allocate (sf_diag%fsth(1, 1), sf_diag%ftemp(1, 1), source=0.0_rk)
    end if
    allocate (sf_diag%fprf(1), source=0.0_rk)
  end subroutine make_diagnostics

  !> Liquid water and ice of the initial state.
  subroutine partition_ice()
    use ancil_info, only: land_pts
    use freeze_soil_mod, only: freeze_soil
    use jules_fields_mod, only: progs, psparms
    use jules_soil_mod, only: dzsoil, sm_levels
    integer :: n

    do n = 1, sm_levels
      call freeze_soil(land_pts, 1, psparms%bexp_soilt(:, 1, n), dzsoil(n:n), psparms%sathh_soilt(:, 1, n), &
        progs%smcl_soilt(:, 1, n), progs%t_soil_soilt(:, 1, n), psparms%smvcst_soilt(:, 1, n), &
        psparms%sthu_soilt(:, 1, n), psparms%sthf_soilt(:, 1, n))
    end do
  end subroutine partition_ice

end module host_start_mod
