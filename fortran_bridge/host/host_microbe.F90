!! Soil respiration of the host, with JULES's name and arguments.
module microbe_mod
  use um_types, only: rk => real_jlslsm
  implicit none
  private

  public :: microbe

contains

  !> Respiration as the product of rate, carbon and modifiers. Clark et al. (2011), Geosci. Model Dev. 4, 701-722;
  !> Burke et al. (2017), Geosci. Model Dev. 10, 959-975, for layers.
  subroutine microbe(land_pts, dim_cs1, &
#if JML_HOST_JULES < 76
      dim_cs2, &
#endif
      l_q10, cs, sthu, sthf, v_sat, &
#if JML_HOST_JULES >= 82
      v_crit, &
#endif
      v_wilt, tsoil, resp_s, veg_frac, sf_diag, l_soil_point)
    use ancil_info, only: dim_cslayer
    use jules_soil_biogeochem_mod, only: kaps, kaps_4pool, q10_soil, tau_resp, l_layeredC, l_soil_resp_lev2, &
      soil_bgc_model, soil_model_1pool, soil_model_4pool
    use jules_soil_mod, only: dzsoil, sm_levels
    use sf_diags_mod, only: strnewsfdiag
    integer, intent(in) :: land_pts, dim_cs1
#if JML_HOST_JULES < 76
    integer, intent(in) :: dim_cs2
#endif
#if JML_HOST_JULES >= 82
    real(rk), intent(in) :: v_crit(land_pts, sm_levels)
#endif
    logical, intent(inout) :: l_q10
    real(rk), intent(in) :: cs(land_pts, dim_cslayer, dim_cs1)
    real(rk), intent(in), dimension(land_pts, sm_levels) :: sthu, sthf, v_sat, v_wilt, tsoil
    real(rk), intent(out) :: resp_s(land_pts, dim_cslayer, dim_cs1)
#if JML_HOST_JULES < 76
    real(rk), intent(in) :: veg_frac(dim_cs2)
#else
    real(rk), intent(in) :: veg_frac(land_pts)
#endif
    type(strnewsfdiag), intent(inout) :: sf_diag
    logical, intent(in) :: l_soil_point(land_pts)
    real(rk) :: f(land_pts, sm_levels), g(land_pts, sm_levels), cover(land_pts), wetness, rate, depth
    integer :: l, level, layer, pool, source

    if (soil_bgc_model == soil_model_1pool) l_q10 = .true.
#if JML_HOST_JULES >= 82
    if (any(v_crit > v_sat .or. v_crit < v_wilt)) error stop 'microbe: v_crit is not between v_wilt and v_sat'
#endif
    do level = 1, sm_levels
      do l = 1, land_pts
        wetness = sthu(l, level)
        if (l_soil_resp_lev2) wetness = wetness + sthf(l, level)
        f(l, level) = 0.0_rk
        if (l_soil_point(l)) f(l, level) = moisture_modifier(wetness, v_wilt(l, level) / v_sat(l, level))
        g(l, level) = temperature_modifier(tsoil(l, level), l_q10, q10_soil)
      end do
    end do
    cover = 1.0_rk
    if (soil_bgc_model == soil_model_4pool) cover = 0.6_rk + 0.4_rk * (1.0_rk - veg_frac)

    do pool = 1, dim_cs1
      rate = kaps
      if (soil_bgc_model == soil_model_4pool) rate = kaps_4pool(pool)
      do layer = 1, dim_cslayer
        source = merge(2, 1, l_soil_resp_lev2)
        depth = 1.0_rk
        if (l_layeredC) then
          source = layer
          depth = exp(-tau_resp * (sum(dzsoil(:layer)) - 0.5_rk * dzsoil(layer)))
        end if
        resp_s(:, layer, pool) = rate * cs(:, layer, pool) * f(:, source) * g(:, source) * cover * depth
      end do
    end do

    if (sf_diag%l_fsth) sf_diag%fsth = f
    if (sf_diag%l_ftemp) sf_diag%ftemp = g
    if (sf_diag%l_fprf) sf_diag%fprf = cover
  end subroutine microbe

  !> f: low in dry soil, 1 at the optimum, lower in wet soil.
  elemental function moisture_modifier(wetness, wilting) result(f)
    use jules_soil_biogeochem_mod, only: soil_bgc_model, soil_model_4pool
    real(rk), intent(in) :: wetness, wilting        !! [1]
    real(rk) :: f, optimum, least

    optimum = 0.5_rk * (1.0_rk + wilting)
    least = wilting
    if (soil_bgc_model == soil_model_4pool) least = 1.7_rk * wilting
    f = 0.2_rk
    if (wetness > least) f = 0.2_rk + 0.8_rk * (wetness - least) / (optimum - least)
    if (wetness > optimum) f = 1.0_rk - 0.8_rk * (wetness - optimum)
  end function moisture_modifier

  !> g: exponential, or the form of RothC.
  elemental function temperature_modifier(t, exponential, q10) result(g)
    real(rk), intent(in) :: t                       !! [K]
    logical, intent(in) :: exponential
    real(rk), intent(in) :: q10                     !! [1]
    real(rk) :: g

    g = 0.0_rk
    if (exponential) then
      g = q10**((t - 282.4_rk) / 10.0_rk)
    else if (t > 263.15_rk) then
      g = 47.9_rk / (1.0_rk + exp(106.0_rk / (t - 254.85_rk)))
    end if
  end function temperature_modifier

end module microbe_mod
