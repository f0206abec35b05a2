!! The processes of a step: partitioning of rain, respiration, water and heat of the column, carbon.
module host_step_mod
  use um_types, only: rk => real_jlslsm
  use ancil_info, only: land_pts, dim_cs1, dim_cslayer
  use jules_fields_mod, only: ainfo, forcing, progs, psparms
  use jules_soil_mod, only: dzsoil, sm_levels
  use sf_diags_mod, only: strnewsfdiag
  implicit none
  private

  public :: partition_rain, respire, move_water_and_heat

  type(strnewsfdiag), save, public :: sf_diag            !! diagnostics of the step
  real(rk), allocatable, save, public :: resp_s(:, :, :) !! respiration [kg m-2 s-1]
  real(kind(1.0d0)), allocatable, save, public :: gained(:)   !! change of soil water in the step [kg m-2]
  logical, save, public :: use_threads = .false.         !! call microbe for each point, in threads
  integer, save, public :: microbe_calls = 1             !! calls of microbe with all points in a step

contains

  !> Partition the total into large-scale and convective rain, as JULES does after reading its files.
  subroutine partition_rain()
    forcing%con_rain_ij = merge(forcing%ls_rain_ij, 0.0, forcing%tl_1_ij > 288.0)
    forcing%ls_rain_ij = forcing%ls_rain_ij - forcing%con_rain_ij
  end subroutine partition_rain

  !> Respiration from the state at the end of the previous step, and the loss of carbon.
  subroutine respire()
    use microbe_mod, only: microbe
    use model_time_mod, only: timestep_len
    logical :: l_q10
    integer :: l, k

    l_q10 = .false.
    if (use_threads) then
      !$omp parallel do private(l)
      do l = 1, land_pts
        call respire_at(l)
      end do
      !$omp end parallel do
    else
      do k = 1, microbe_calls
        call microbe(land_pts, dim_cs1, &
#if JML_HOST_JULES < 76
          land_pts, &
#endif
          l_q10, progs%cs_pool_soilt(:, 1, :, :), psparms%sthu_soilt(:, 1, :), psparms%sthf_soilt(:, 1, :), &
          psparms%smvcst_soilt(:, 1, :), &
#if JML_HOST_JULES >= 82
          psparms%smvccl_soilt(:, 1, :), &
#endif
          psparms%smvcwt_soilt(:, 1, :), progs%t_soil_soilt(:, 1, :), resp_s, ainfo%frac_surft(:, 1), sf_diag, ainfo%l_soil_point)
      end do
    end if
    progs%cs_pool_soilt(:, 1, :, :) = progs%cs_pool_soilt(:, 1, :, :) - timestep_len * resp_s
  end subroutine respire

  !> Respiration of one point, with its own diagnostics.
  subroutine respire_at(l)
    use microbe_mod, only: microbe
    integer, intent(in) :: l
    type(strnewsfdiag) :: own
    real(rk) :: resp(1, dim_cslayer, dim_cs1)
    logical :: l_q10

    l_q10 = .false.
    own%l_fsth = sf_diag%l_fsth
    own%l_ftemp = sf_diag%l_ftemp
    allocate (own%fsth(1, sm_levels), own%ftemp(1, sm_levels), own%fprf(1))
    call microbe(1, dim_cs1, &
#if JML_HOST_JULES < 76
      1, &
#endif
      l_q10, progs%cs_pool_soilt(l:l, 1, :, :), psparms%sthu_soilt(l:l, 1, :), psparms%sthf_soilt(l:l, 1, :), &
      psparms%smvcst_soilt(l:l, 1, :), &
#if JML_HOST_JULES >= 82
      psparms%smvccl_soilt(l:l, 1, :), &
#endif
      psparms%smvcwt_soilt(l:l, 1, :), progs%t_soil_soilt(l:l, 1, :), resp, ainfo%frac_surft(l:l, 1), own, ainfo%l_soil_point(l:l))
    resp_s(l, :, :) = resp(1, :, :)
    if (sf_diag%l_fsth) sf_diag%fsth(l, :) = own%fsth(1, :)
    if (sf_diag%l_ftemp) sf_diag%ftemp(l, :) = own%ftemp(1, :)
  end subroutine respire_at

  !> Infiltration, drainage by gravity from layer to layer, and relaxation to the temperature of air, slower with depth.
  subroutine move_water_and_heat()
    use freeze_soil_mod, only: freeze_soil
    use model_time_mod, only: timestep_len
    use theta_field_sizes, only: t_i_length
    real(rk) :: inflow, outflow, room, air
    integer :: i, j, l, n

    gained = [(0.0d0, l=1, land_pts)]
    do l = 1, land_pts
      if (.not. ainfo%l_soil_point(l)) cycle
      j = (ainfo%land_index(l) - 1) / t_i_length + 1
      i = ainfo%land_index(l) - (j - 1) * t_i_length
      inflow = timestep_len * min(real(forcing%ls_rain_ij(i, j) + forcing%con_rain_ij(i, j), rk), &
        sum(psparms%infil_surft(l, :) * ainfo%frac_surft(l, :)))
      air = forcing%tl_1_ij(i, j)
      do n = 1, sm_levels
        room = 1000.0_rk * dzsoil(n) * psparms%smvcst_soilt(l, 1, n) - progs%smcl_soilt(l, 1, n)
        inflow = min(inflow, max(room, 0.0_rk))
        outflow = timestep_len * psparms%satcon_soilt(l, 1, n) * &
          psparms%sthu_soilt(l, 1, n)**(2.0_rk * psparms%bexp_soilt(l, 1, n) + 3.0_rk)
        outflow = min(outflow, 0.2_rk * progs%smcl_soilt(l, 1, n))
        gained(l) = gained(l) + inflow - outflow
        progs%smcl_soilt(l, 1, n) = progs%smcl_soilt(l, 1, n) + inflow - outflow
        inflow = outflow
        progs%t_soil_soilt(l, 1, n) = progs%t_soil_soilt(l, 1, n) + &
          (air - progs%t_soil_soilt(l, 1, n)) * min(1.0_rk, timestep_len / (2.0e5_rk * dzsoil(n) / dzsoil(1)))
      end do
    end do
    call warm_by_respiration()
    do n = 1, sm_levels
      call freeze_soil(land_pts, 1, psparms%bexp_soilt(:, 1, n), dzsoil(n:n), psparms%sathh_soilt(:, 1, n), &
        progs%smcl_soilt(:, 1, n), progs%t_soil_soilt(:, 1, n), psparms%smvcst_soilt(:, 1, n), &
        psparms%sthu_soilt(:, 1, n), psparms%sthf_soilt(:, 1, n))
    end do
  end subroutine move_water_and_heat

  !> The heat of respiration in soil with carbon in layers: dt h sum(R) / (C dz), with C of soil, water and ice [J K-1 m-3].
  subroutine warm_by_respiration()
#if JML_HOST_JULES >= 82
    use jules_soil_biogeochem_mod, only: heat_of_respiration, l_bgc_heat
    use model_time_mod, only: timestep_len
    use water_constants_mod, only: hcapi, hcapw, rho_water
    integer :: n

    if (.not. l_bgc_heat) return
    do n = 1, sm_levels
      associate (capacity => psparms%hcap_soilt(:, 1, n) + rho_water * psparms%smvcst_soilt(:, 1, n) * &
          (hcapw * psparms%sthu_soilt(:, 1, n) + hcapi * psparms%sthf_soilt(:, 1, n)))
        progs%t_soil_soilt(:, 1, n) = progs%t_soil_soilt(:, 1, n) + &
          timestep_len * heat_of_respiration * sum(resp_s(:, n, :), dim=2) / (capacity * dzsoil(n))
      end associate
    end do
#endif
  end subroutine warm_by_respiration

end module host_step_mod
