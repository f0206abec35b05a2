!! Positions of this rank's land points.
module jml_hooks_place
  use um_types, only: rk => real_jlslsm
  implicit none
  private

  public :: latitudes, longitudes, soil_points

contains

  !> Latitude of the land points [degrees north].
  function latitudes() result(values)
    use model_grid_mod, only: latitude
    real(rk), allocatable :: values(:)

    values = on_land(latitude)
  end function latitudes

  !> Longitude of the land points [degrees east].
  function longitudes() result(values)
    use model_grid_mod, only: longitude
    real(rk), allocatable :: values(:)

    values = on_land(longitude)
  end function longitudes

  !> Indices of the land points with soil, not ice.
  function soil_points() result(points)
    use ancil_info, only: land_pts
    use jules_fields_mod, only: ainfo
    integer, allocatable :: points(:)
    integer :: l

    points = pack([(l, l=1, land_pts)], ainfo%l_soil_point(:land_pts))
  end function soil_points

  !> Values of a grid at the land points.
  function on_land(grid) result(values)
    use ancil_info, only: land_pts
    use jules_fields_mod, only: ainfo
    use theta_field_sizes, only: t_i_length
    real, intent(in) :: grid(:, :)
    real(rk), allocatable :: values(:)
    integer :: l, j

    allocate (values(land_pts))
    do l = 1, land_pts
      j = (ainfo%land_index(l) - 1) / t_i_length + 1
      values(l) = real(grid(ainfo%land_index(l) - (j - 1) * t_i_length, j), rk)
    end do
  end function on_land

end module jml_hooks_place
