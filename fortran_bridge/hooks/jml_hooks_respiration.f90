!! Replaces JULES's `microbe`: the modifiers come from the learned module, and everything else is as in JULES.
!!
!! The linker's --wrap redirects JULES's calls to this procedure; `jml_real_microbe` is JULES's own (see
!! jml_add_hooks.cmake).
module jml_hooks_respiration
  use um_types, only: rk => real_jlslsm
  use jules_ml_bridge, only: jml_respiration, JML_OK
  use jml_hooks_antecedent, only: multiply_by_antecedent
  use jml_hooks_run, only: run, TEXT_LENGTH
  use jml_hooks_failure, only: fail, bridge_error
  use jml_hooks_flux, only: respired, plant_cover_modifier
  implicit none
  private

  public :: wrap_microbe

  interface
    subroutine jml_real_microbe(land_pts, dim_cs1, l_q10, cs, sthu, sthf, v_sat, v_wilt, tsoil, resp_s, veg_frac, &
        sf_diag, l_soil_point)
      use um_types, only: rk => real_jlslsm
      use ancil_info, only: dim_cslayer
      use jules_soil_mod, only: sm_levels
      use sf_diags_mod, only: strnewsfdiag
      integer, intent(in) :: land_pts, dim_cs1
      logical, intent(inout) :: l_q10
      real(rk), intent(in) :: cs(land_pts, dim_cslayer, dim_cs1), veg_frac(land_pts)
      real(rk), intent(in) :: sthu(land_pts, sm_levels), sthf(land_pts, sm_levels)
      real(rk), intent(in) :: v_sat(land_pts, sm_levels), v_wilt(land_pts, sm_levels), tsoil(land_pts, sm_levels)
      real(rk), intent(out) :: resp_s(land_pts, dim_cslayer, dim_cs1)
      type(strnewsfdiag), intent(inout) :: sf_diag
      logical, intent(in) :: l_soil_point(land_pts)
    end subroutine jml_real_microbe
  end interface

contains

  !> Heterotrophic respiration with learned modifiers; JULES's own if the hook is off or has failed.
  subroutine wrap_microbe(land_pts, dim_cs1, l_q10, cs, sthu, sthf, v_sat, v_wilt, tsoil, resp_s, veg_frac, sf_diag, &
      l_soil_point)
    use ancil_info, only: dim_cslayer
    use jules_soil_biogeochem_mod, only: kaps, kaps_4pool, tau_resp, l_layeredC, l_soil_resp_lev2, soil_bgc_model, &
      soil_model_4pool
    use jules_soil_mod, only: dzsoil, sm_levels
    use sf_diags_mod, only: strnewsfdiag
    integer, intent(in) :: land_pts                            !! land points
    integer, intent(in) :: dim_cs1                             !! carbon pools
    logical, intent(inout) :: l_q10                            !! exponential temperature form; true in the 1-pool model
    real(rk), intent(in) :: cs(land_pts, dim_cslayer, dim_cs1) !! soil carbon [kg m-2]
    real(rk), intent(in) :: sthu(land_pts, sm_levels)          !! unfrozen water, fraction of saturation [1]
    real(rk), intent(in) :: sthf(land_pts, sm_levels)          !! frozen water, fraction of saturation [1]
    real(rk), intent(in) :: v_sat(land_pts, sm_levels)         !! water content at saturation [m3 m-3]
    real(rk), intent(in) :: v_wilt(land_pts, sm_levels)        !! water content at wilting [m3 m-3]
    real(rk), intent(in) :: tsoil(land_pts, sm_levels)         !! soil temperature [K]
    real(rk), intent(out) :: resp_s(land_pts, dim_cslayer, dim_cs1)  !! respiration [kg m-2 s-1]
    real(rk), intent(in) :: veg_frac(land_pts)                 !! vegetated fraction [1]
    type(strnewsfdiag), intent(inout) :: sf_diag               !! surface diagnostics
    logical, intent(in) :: l_soil_point(land_pts)              !! whether a point is soil
    real(rk), allocatable :: fsth(:, :), ftemp(:, :), fprf(:)
    character(len=TEXT_LENGTH) :: problem
    integer :: ierr, level

    if (.not. run%settings%respiration) then
      call jml_real_microbe(land_pts, dim_cs1, l_q10, cs, sthu, sthf, v_sat, v_wilt, tsoil, resp_s, veg_frac, &
        sf_diag, l_soil_point)
      return
    end if
    !$omp atomic write
    run%microbe_called = .true.

    allocate (fsth(land_pts, sm_levels), ftemp(land_pts, sm_levels), fprf(land_pts))
    call jml_respiration(land_pts, sm_levels, sthu, sthf, v_sat, v_wilt, tsoil, l_soil_point, fsth, ftemp, ierr)
    problem = ''
    if (ierr /= JML_OK) then
      problem = bridge_error('respiration')
    else if (size(run%settings%antecedent) > 0) then
      call multiply_by_antecedent(sthu, sthf, tsoil, l_soil_point, fsth, problem)
    end if
    if (problem /= '') then
      call fail(trim(problem))
      call jml_real_microbe(land_pts, dim_cs1, l_q10, cs, sthu, sthf, v_sat, v_wilt, tsoil, resp_s, veg_frac, &
        sf_diag, l_soil_point)
      return
    end if

    level = merge(2, 1, l_soil_resp_lev2)
    if (soil_bgc_model == soil_model_4pool) then
      fprf = plant_cover_modifier(veg_frac)
      call respired(l_layeredC, level, tau_resp, dzsoil, kaps_4pool(:dim_cs1), cs, fsth, ftemp, fprf, resp_s)
    else
      l_q10 = .true.
      fprf = 1.0_rk
      call respired(l_layeredC, level, tau_resp, dzsoil, [kaps], cs, fsth, ftemp, fprf, resp_s)
    end if

    ! JULES allocates a diagnostic that is not requested with one element only.
    if (sf_diag%l_fsth) sf_diag%fsth(:land_pts, :) = fsth
    if (sf_diag%l_ftemp) sf_diag%ftemp(:land_pts, :) = ftemp
    if (sf_diag%l_fprf) sf_diag%fprf(:land_pts) = fprf
  end subroutine wrap_microbe

end module jml_hooks_respiration
