!! Soil water relations, from published equations.
module freeze_soil_mod
  use um_types, only: rk => real_jlslsm
  implicit none
  private

  public :: freeze_soil

contains

  !> Partition water into liquid and ice, so that the liquid water is in equilibrium with the temperature.
  !>
  !> Suction and temperature below freezing are proportional; with the Clapp-Hornberger curve the liquid water is at most
  !> v_sat (dpsidt (273.15 - T) / sathh)**(-1/b). Best et al. (2011), Geosci. Model Dev. 4, 677-699; Cox et al. (1999).
  subroutine freeze_soil(npnts, nshyd, b, dz, sathh, smcl, tsoil, v_sat, sthu, sthf)
    use water_constants_mod, only: rho_water, dpsidt
    integer :: npnts, nshyd                               !! points and layers; no argument has an INTENT in JULES
    real(rk) :: b(npnts), sathh(npnts)                    !! exponent [1], suction at saturation [m]
    real(rk) :: dz(nshyd)                                 !! thickness [m]
    real(rk) :: smcl(npnts, nshyd)                        !! water [kg m-2]
    real(rk) :: tsoil(npnts, nshyd)                       !! temperature [K]
    real(rk) :: v_sat(npnts)                              !! water content at saturation [m3 m-3]
    real(rk) :: sthu(npnts, nshyd), sthf(npnts, nshyd)    !! liquid, ice: fractions of saturation [1]
    real(rk) :: wetness, below
    integer :: i, n

    do n = 1, nshyd
      do i = 1, npnts
        sthu(i, n) = 0.0_rk
        sthf(i, n) = 0.0_rk
        if (v_sat(i) <= 0.0_rk) cycle
        wetness = smcl(i, n) / (rho_water * dz(n) * v_sat(i))
        below = 273.15_rk - tsoil(i, n)
        sthu(i, n) = wetness
        if (below > 0.0_rk) sthu(i, n) = min(wetness, (dpsidt * below / sathh(i))**(-1.0_rk / b(i)))
        sthf(i, n) = wetness - sthu(i, n)
      end do
    end do
  end subroutine freeze_soil

end module freeze_soil_mod

module infiltration_rate_mod
  use um_types, only: rk => real_jlslsm
  implicit none
  private

  public :: infiltration_rate

contains

  !> Maximum infiltration of a tile: saturated conductivity of the surface, enhanced by roots. Best et al. (2011).
  subroutine infiltration_rate(land_pts, nsurft, surft_pts, surft_index, satcon_soilt_sfc, frac, infil_surft)
    use ancil_info, only: nsoilt
    use jules_surface_types_mod, only: ntype
    use pftparm, only: infil_f
    integer, intent(in) :: land_pts, nsurft
    integer, intent(in) :: surft_pts(ntype), surft_index(land_pts, ntype)
    real(rk), intent(in) :: satcon_soilt_sfc(land_pts, nsoilt)      !! [kg m-2 s-1]
    real(rk), intent(in) :: frac(land_pts, ntype)                   !! [1]
    real(rk), intent(out) :: infil_surft(land_pts, nsurft)          !! [kg m-2 s-1]
    integer :: n, k, l

    infil_surft = 0.0_rk
    do n = 1, nsurft
      do k = 1, surft_pts(n)
        l = surft_index(k, n)
        if (frac(l, n) > 0.0_rk) infil_surft(l, n) = infil_f(n) * satcon_soilt_sfc(l, 1)
      end do
    end do
  end subroutine infiltration_rate

end module infiltration_rate_mod

module hyd_psi_mod
  use um_types, only: rk => real_jlslsm
  implicit none
  private

  public :: sthu_from_psi

contains

  !> Wetness at a potential, by the Clapp-Hornberger curve.
  function sthu_from_psi(psi, sathh, b, sthu_min) result(sthu)
    real(rk), intent(in) :: psi          !! potential, negative [Pa]
    real(rk), intent(in) :: sathh        !! suction at saturation [m]
    real(rk), intent(in) :: b            !! exponent [1]
    real(rk), intent(in) :: sthu_min     !! least wetness [1]
    real(rk) :: sthu
    real(rk), parameter :: PA_PER_M = 9806.65_rk

    sthu = max(sthu_min, min(1.0_rk, (sathh / (-psi / PA_PER_M))**(1.0_rk / b)))
  end function sthu_from_psi

end module hyd_psi_mod
