!! The three hooks in 64-bit reals, as C has them.
module jml_bridge_c_r64
  use, intrinsic :: iso_c_binding, only: c_int, rk => c_double
  use jml_bridge_r64, only: respiration_of_size, soil_moisture, soil_properties
  implicit none
  private

contains

  integer(c_int) function respiration_c(land_pts, sm_levels, sthu, sthf, v_sat, v_wilt, t_soil, l_soil_point, fsth, ftemp) &
    bind(c, name='jml_respiration_r64_c') result(ierr)
    integer(c_int), intent(in), value :: land_pts, sm_levels
    real(rk), intent(in), dimension(land_pts, sm_levels) :: sthu, sthf, v_sat, v_wilt, t_soil
    integer(c_int), intent(in) :: l_soil_point(land_pts)
    real(rk), intent(out), dimension(land_pts, sm_levels) :: fsth, ftemp
    integer :: status

    call respiration_of_size(land_pts, sm_levels, sthu, sthf, v_sat, v_wilt, t_soil, l_soil_point /= 0, fsth, ftemp, status)
    ierr = int(status, c_int)
  end function respiration_c

  integer(c_int) function soil_properties_c(land_pts, dim_cslayer, dim_cs1, sm_levels, cs, latitude, longitude, b, sathh, &
    satcon, sm_sat, sm_crit, sm_wilt, hcap, hcon) bind(c, name='jml_soil_properties_r64_c') result(ierr)
    integer(c_int), intent(in), value :: land_pts, dim_cslayer, dim_cs1, sm_levels
    real(rk), intent(in) :: cs(land_pts, dim_cslayer, dim_cs1)
    real(rk), intent(in), dimension(land_pts) :: latitude, longitude
    real(rk), intent(out), dimension(land_pts, sm_levels) :: b, sathh, sm_sat, sm_crit, sm_wilt, hcap
    real(rk), intent(out), dimension(land_pts, 0:sm_levels) :: satcon, hcon
    integer :: status

    call soil_properties(cs, latitude, longitude, b, sathh, satcon, sm_sat, sm_crit, sm_wilt, hcap, hcon, status)
    ierr = int(status, c_int)
  end function soil_properties_c

  integer(c_int) function soil_moisture_c(date, land_pts, sm_levels, latitude, longitude, forcing, smcl, sthu, sthf, t_soil, &
    theta_target, layer_mask, trial) bind(c, name='jml_soil_moisture_r64_c') result(ierr)
    integer(c_int), intent(in) :: date(6)
    integer(c_int), intent(in), value :: land_pts, sm_levels
    real(rk), intent(in), dimension(land_pts) :: latitude, longitude
    real(rk), intent(in) :: forcing(land_pts, 8)
    real(rk), intent(in), dimension(land_pts, sm_levels) :: smcl, sthu, sthf, t_soil
    real(rk), intent(out) :: theta_target(land_pts, sm_levels)
    integer(c_int), intent(out) :: layer_mask(land_pts, sm_levels)
    integer(c_int), intent(in), value :: trial
    logical :: mask(land_pts, sm_levels)
    integer :: status

    call soil_moisture(date, latitude, longitude, forcing, smcl, sthu, sthf, t_soil, theta_target, mask, status, trial /= 0)
    layer_mask = 0_c_int
    if (status == 0) layer_mask = merge(1_c_int, 0_c_int, mask)
    ierr = int(status, c_int)
  end function soil_moisture_c

end module jml_bridge_c_r64
