!! The variables of JULES's modules that the hooks use: this file compiles only if they exist and have this type, kind and rank.
!!
!! It is never run. Each line names one variable, because the line of a compiler's error says which variable differs.
module check_variables
  use um_types, only: rk => real_jlslsm
  implicit none
  private

contains

  subroutine sizes()
    use ancil_info, only: land_pts
    use ancil_info, only: nsoilt
    use ancil_info, only: nsurft
    use ancil_info, only: dim_cslayer
    use jules_soil_mod, only: sm_levels
    use jules_soil_mod, only: dzsoil
    use jules_surface_types_mod, only: npft
    use jules_surface_types_mod, only: ntype
    use theta_field_sizes, only: t_i_length

    call integer_0(land_pts)
    call integer_0(nsoilt)
    call integer_0(nsurft)
    call integer_0(dim_cslayer)
    call integer_0(sm_levels)
    call real_1(dzsoil)
    call integer_0(npft)
    call integer_0(ntype)
    call integer_0(t_i_length)
  end subroutine sizes

  subroutine settings()
    use jules_hydrology_mod, only: l_top
    use jules_irrig_mod, only: l_irrig_dmd
    use jules_model_environment_mod, only: lsm_id
    use jules_model_environment_mod, only: cable
    use jules_vegetation_mod, only: l_use_pft_psi
    use pftparm, only: psi_close
    use pftparm, only: psi_open
    use update_mod, only: have_prescribed_sthuf
    use update_mod, only: l_imogen

    call logical_0(l_top)
    call logical_0(l_irrig_dmd)
    call integer_0(lsm_id)
    call integer_0(cable)
    call logical_0(l_use_pft_psi)
    call real_1(psi_close)
    call real_1(psi_open)
    call logical_0(have_prescribed_sthuf)
    call logical_0(l_imogen)
  end subroutine settings

  subroutine soil_carbon()
    use jml_jules_names, only: kaps_4pool
    use jml_jules_names, only: soil_model_4pool
    use jml_jules_names, only: l_bgc_heat
    use jules_soil_biogeochem_mod, only: kaps
    use jules_soil_biogeochem_mod, only: tau_resp
    use jules_soil_biogeochem_mod, only: l_layeredC
    use jules_soil_biogeochem_mod, only: l_soil_resp_lev2
    use jules_soil_biogeochem_mod, only: soil_bgc_model
    use jules_soil_biogeochem_mod, only: soil_model_ecosse
    use sf_diags_mod, only: strnewsfdiag
    type(strnewsfdiag) :: sf_diag

    call real_1(kaps_4pool)
    call integer_0(soil_model_4pool)
    call logical_0(l_bgc_heat)
    call real_0(kaps)
    call real_0(tau_resp)
    call logical_0(l_layeredC)
    call logical_0(l_soil_resp_lev2)
    call integer_0(soil_bgc_model)
    call integer_0(soil_model_ecosse)
    call logical_0(sf_diag%l_fsth)
    call logical_0(sf_diag%l_ftemp)
    call logical_0(sf_diag%l_fprf)
    call real_2(sf_diag%fsth)
    call real_2(sf_diag%ftemp)
    call real_1(sf_diag%fprf)
  end subroutine soil_carbon

  subroutine fields()
    use jules_fields_mod, only: psparms
    use jules_fields_mod, only: progs
    use jules_fields_mod, only: ainfo
    use model_grid_mod, only: latitude
    use model_grid_mod, only: longitude

    call real_3(psparms%bexp_soilt)
    call real_3(psparms%sathh_soilt)
    call real_3(psparms%satcon_soilt)
    call real_3(psparms%smvcst_soilt)
    call real_3(psparms%smvccl_soilt)
    call real_3(psparms%smvcwt_soilt)
    call real_3(psparms%hcap_soilt)
    call real_3(psparms%hcon_soilt)
    call real_3(psparms%sthu_soilt)
    call real_3(psparms%sthf_soilt)
    call real_3(psparms%v_close_pft)
    call real_3(psparms%v_open_pft)
    call real_2(psparms%infil_surft)
    call real_3(progs%smcl_soilt)
    call real_3(progs%t_soil_soilt)
    call real_4(progs%cs_pool_soilt)
    call logical_1(ainfo%l_soil_point)
    call integer_1(ainfo%land_index)
    call integer_1(ainfo%surft_pts)
    call integer_2(ainfo%surft_index)
    call real_2(ainfo%frac_surft)
    call plain_real_2(latitude)
    call plain_real_2(longitude)
  end subroutine fields

  subroutine weather()
    use jules_fields_mod, only: forcing
    use jules_forcing_mod, only: u_1_ij
    use jules_forcing_mod, only: v_1_ij

    call plain_real_2(forcing%ls_rain_ij)
    call plain_real_2(forcing%con_rain_ij)
    call plain_real_2(forcing%ls_snow_ij)
    call plain_real_2(forcing%con_snow_ij)
    call plain_real_2(forcing%sw_down_ij)
    call plain_real_2(forcing%lw_down_ij)
    call plain_real_2(forcing%tl_1_ij)
    call plain_real_2(forcing%qw_1_ij)
    call plain_real_2(forcing%pstar_ij)
    call plain_real_2(u_1_ij)
    call plain_real_2(v_1_ij)
  end subroutine weather

  subroutine time_and_files()
    use datetime_mod, only: datetime
    use model_time_mod, only: current_time
    use model_time_mod, only: timestep_number
    use model_time_mod, only: timestep_len
    use model_time_mod, only: is_spinup
    use model_time_mod, only: spinup_cycle
    use output_mod, only: output_dir
    use output_mod, only: run_id
    type(datetime) :: time

    time = current_time
    call integer_0(time%year)
    call integer_0(time%month)
    call integer_0(time%day)
    call integer_0(time%time)
    call integer_0(timestep_number)
    call integer_0(timestep_len)
    call logical_0(is_spinup)
    call integer_0(spinup_cycle)
    call text_0(output_dir)
    call text_0(run_id)
  end subroutine time_and_files

  subroutine constants()
    use jml_jules_names, only: mpi_local_comm
    use mpi, only: mpi_land
    use mpi, only: mpi_logical
    use water_constants_mod, only: rho_water
    use water_constants_mod, only: hcapw
    use water_constants_mod, only: hcapi
    use water_constants_mod, only: lf

    call integer_0(mpi_local_comm)
    call integer_0(mpi_land)
    call integer_0(mpi_logical)
    call plain_real_0(rho_water)
    call plain_real_0(hcapw)
    call plain_real_0(hcapi)
    call plain_real_0(lf)
  end subroutine constants

  subroutine integer_0(x)
    integer, intent(in) :: x
    if (x == 0) return
  end subroutine integer_0

  subroutine integer_1(x)
    integer, intent(in) :: x(:)
    if (size(x) == 0) return
  end subroutine integer_1

  subroutine integer_2(x)
    integer, intent(in) :: x(:, :)
    if (size(x) == 0) return
  end subroutine integer_2

  subroutine logical_0(x)
    logical, intent(in) :: x
    if (x) return
  end subroutine logical_0

  subroutine logical_1(x)
    logical, intent(in) :: x(:)
    if (size(x) == 0) return
  end subroutine logical_1

  subroutine real_0(x)
    real(rk), intent(in) :: x
    if (x > 0.0_rk) return
  end subroutine real_0

  subroutine real_1(x)
    real(rk), intent(in) :: x(:)
    if (size(x) == 0) return
  end subroutine real_1

  subroutine real_2(x)
    real(rk), intent(in) :: x(:, :)
    if (size(x) == 0) return
  end subroutine real_2

  subroutine real_3(x)
    real(rk), intent(in) :: x(:, :, :)
    if (size(x) == 0) return
  end subroutine real_3

  subroutine real_4(x)
    real(rk), intent(in) :: x(:, :, :, :)
    if (size(x) == 0) return
  end subroutine real_4

  subroutine plain_real_0(x)
    real, intent(in) :: x
    if (x > 0.0) return
  end subroutine plain_real_0

  subroutine plain_real_2(x)
    real, intent(in) :: x(:, :)
    if (size(x) == 0) return
  end subroutine plain_real_2

  subroutine text_0(x)
    character(len=*), intent(in) :: x
    if (x == '') return
  end subroutine text_0

end module check_variables
