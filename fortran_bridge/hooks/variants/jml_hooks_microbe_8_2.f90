!! The hook of `microbe` of JULES 8.2, which also has the critical point.
!!
!! The interface is declared once: the hook has it, JULES's own procedure is called with it, and when the hooks are built the
!! compiler compares it with that of JULES's `microbe`.
module jml_hooks_microbe
  implicit none
  private

  public :: wrap_microbe

  interface
    module subroutine wrap_microbe(land_pts, dim_cs1, l_q10, cs, sthu, sthf, v_sat, v_crit, v_wilt, &
        tsoil, resp_s, veg_frac, sf_diag, l_soil_point)
      use um_types, only: rk => real_jlslsm
      use ancil_info, only: dim_cslayer
      use jules_soil_mod, only: sm_levels
      use sf_diags_mod, only: strnewsfdiag
      integer, intent(in) :: land_pts                            !! land points
      integer, intent(in) :: dim_cs1                             !! carbon pools
      logical, intent(inout) :: l_q10                            !! exponential temperature form; true in the 1-pool model
      real(rk), intent(in) :: cs(land_pts, dim_cslayer, dim_cs1) !! soil carbon [kg m-2]
      real(rk), intent(in) :: sthu(land_pts, sm_levels)          !! unfrozen water, fraction of saturation [1]
      real(rk), intent(in) :: sthf(land_pts, sm_levels)          !! frozen water, fraction of saturation [1]
      real(rk), intent(in) :: v_sat(land_pts, sm_levels)         !! water content at saturation [m3 m-3]
      real(rk), intent(in) :: v_crit(land_pts, sm_levels)        !! water content at the critical point [m3 m-3]
      real(rk), intent(in) :: v_wilt(land_pts, sm_levels)        !! water content at wilting [m3 m-3]
      real(rk), intent(in) :: tsoil(land_pts, sm_levels)         !! soil temperature [K]
      real(rk), intent(out) :: resp_s(land_pts, dim_cslayer, dim_cs1)  !! respiration [kg m-2 s-1]
      real(rk), intent(in) :: veg_frac(land_pts)                 !! vegetated fraction [1]
      type(strnewsfdiag), intent(inout) :: sf_diag               !! surface diagnostics
      logical, intent(in) :: l_soil_point(land_pts)              !! whether a point is soil
    end subroutine wrap_microbe
  end interface

  procedure(wrap_microbe) :: jml_real_microbe

end module jml_hooks_microbe
