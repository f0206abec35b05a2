!! Soil respiration from its moisture and temperature modifiers, for one carbon pool or four, layered or not.
module jml_hooks_flux
  use um_types, only: rk => real_jlslsm
  implicit none
  private

  public :: respired, plant_cover_modifier

contains

  !> Plant cover modifier, relative to bare soil [1]: 0.6 under full cover, 1 on bare soil.
  !>
  !> Clark et al. (2011), Geosci. Model Dev. 4, 701-722; JULES name `fprf`.
  elemental function plant_cover_modifier(veg_frac) result(fprf)
    real(rk), intent(in) :: veg_frac               !! vegetated fraction [1]
    real(rk) :: fprf

    fprf = 0.6_rk + 0.4_rk * (1.0_rk - veg_frac)
  end function plant_cover_modifier

  !> Carbon respired from each pool and layer [kg m-2 s-1].
  !>
  !> Layered carbon uses the modifiers of its own layer, and its rate declines with depth; carbon without layers uses the
  !> modifiers of `level`. Clark et al. (2011), as above; Burke et al. (2017), Geosci. Model Dev. 10, 959-975.
  pure subroutine respired(layered, level, tau_resp, dzsoil, rate, cs, fsth, ftemp, fprf, resp_s)
    logical, intent(in) :: layered                 !! whether carbon is in layers
    integer, intent(in) :: level                   !! soil level of the modifiers, used without layers
    real(rk), intent(in) :: tau_resp               !! decline of the rate with depth [m-1], used with layers
    real(rk), intent(in) :: dzsoil(:)              !! thickness of soil levels [m]
    real(rk), intent(in) :: rate(:)                !! rate of each pool at the reference state [s-1]
    real(rk), intent(in) :: cs(:, :, :)            !! carbon [kg m-2], (land_pts, dim_cslayer, dim_cs1)
    real(rk), intent(in) :: fsth(:, :)             !! moisture modifier [1], (land_pts, sm_levels)
    real(rk), intent(in) :: ftemp(:, :)            !! temperature modifier [1], (land_pts, sm_levels)
    real(rk), intent(in) :: fprf(:)                !! plant cover modifier [1], (land_pts)
    real(rk), intent(out) :: resp_s(:, :, :)       !! respiration [kg m-2 s-1], shape of `cs`
    real(rk) :: decline
    integer :: layer, pool

    resp_s = 0.0_rk
    do pool = 1, size(rate)
      if (layered) then
        do layer = 1, size(cs, 2)
          decline = exp(-(sum(dzsoil(:layer - 1)) + 0.5_rk * dzsoil(layer)) * tau_resp)
          resp_s(:, layer, pool) = &
            rate(pool) * cs(:, layer, pool) * fsth(:, layer) * ftemp(:, layer) * fprf * decline
        end do
      else
        resp_s(:, 1, pool) = rate(pool) * cs(:, 1, pool) * fsth(:, level) * ftemp(:, level) * fprf
      end if
    end do
  end subroutine respired

end module jml_hooks_flux
