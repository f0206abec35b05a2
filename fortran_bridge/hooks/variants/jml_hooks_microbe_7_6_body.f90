!! Heterotrophic respiration with learned modifiers; JULES's own if the hook is off or has failed.
submodule(jml_hooks_microbe) jml_hooks_microbe_body
  use jml_hooks_respiration, only: check_arguments, respire
  implicit none

contains

  module procedure wrap_microbe
    logical :: done

    call check_arguments(land_pts, tsoil, v_sat)
    call respire(land_pts, dim_cs1, l_q10, cs, sthu, sthf, v_sat, v_wilt, tsoil, resp_s, size(veg_frac), veg_frac, sf_diag, &
      l_soil_point, done)
    if (.not. done) call jml_real_microbe(land_pts, dim_cs1, l_q10, cs, sthu, sthf, v_sat, v_wilt, &
      tsoil, resp_s, veg_frac, sf_diag, l_soil_point)
  end procedure wrap_microbe

end submodule jml_hooks_microbe_body
