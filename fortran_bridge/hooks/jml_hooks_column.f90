!! The soil column of JULES that the hooks change: water and ice of the layers, and their heat.
module jml_hooks_column
  use, intrinsic :: iso_fortran_env, only: real64
  use um_types, only: rk => real_jlslsm
  use jules_fields_mod, only: progs, psparms
  use jules_soil_mod, only: dzsoil
  use water_constants_mod, only: rho_water, hcapw, hcapi, lf
  implicit none
  private

  public :: content_t, content, refreeze, saturated_water, layer_water

  real(real64), parameter :: ZERO_CELSIUS = 273.15_real64   !! melting point [K]

  !> Water and heat of a layer at some points.
  type :: content_t
    real(real64), allocatable :: water(:)        !! water and ice [kg m-2]
    real(real64), allocatable :: sensible(:)     !! heat above the melting point, of soil, water and ice [J m-2]
    real(real64), allocatable :: latent(:)       !! minus the heat that melts the ice [J m-2]
  end type content_t

contains

  !> Water and heat of a layer.
  function content(points, level)
    integer, intent(in) :: points(:)             !! land points
    integer, intent(in) :: level                 !! soil level
    type(content_t) :: content
    real(real64), allocatable :: liquid(:), ice(:), capacity(:)

    associate (saturation => rho_water * dzsoil(level) * psparms%smvcst_soilt(points, 1, level))
      liquid = saturation * psparms%sthu_soilt(points, 1, level)
      ice = saturation * psparms%sthf_soilt(points, 1, level)
    end associate
    capacity = psparms%hcap_soilt(points, 1, level) * dzsoil(level) + hcapw * liquid + hcapi * ice
    content%water = progs%smcl_soilt(points, 1, level)
    content%sensible = capacity * (progs%t_soil_soilt(points, 1, level) - ZERO_CELSIUS)
    content%latent = -lf * ice
  end function content

  !> Water that fills a layer [kg m-2].
  function saturated_water(points, level) result(water)
    integer, intent(in) :: points(:)             !! land points
    integer, intent(in) :: level                 !! soil level
    real(rk) :: water(size(points))

    water = layer_water(psparms%smvcst_soilt(points, 1, level), level)
  end function saturated_water

  !> Mass of water in a layer [kg m-2] of a volumetric content [m3 m-3].
  elemental function layer_water(theta, level) result(water)
    real(rk), intent(in) :: theta                !! water content [m3 m-3]
    integer, intent(in) :: level                 !! soil level
    real(rk) :: water

    water = rho_water * dzsoil(level) * theta
  end function layer_water

  !> Partition the water of a layer into liquid and ice in equilibrium with its temperature, as JULES does at its start.
  subroutine refreeze(points, level)
    use freeze_soil_mod, only: freeze_soil
    integer, intent(in) :: points(:)             !! land points
    integer, intent(in) :: level                 !! soil level
    real(rk), dimension(size(points)) :: b, sathh, v_sat
    real(rk), dimension(size(points), 1) :: smcl, t_soil, sthu, sthf

    b = psparms%bexp_soilt(points, 1, level)
    sathh = psparms%sathh_soilt(points, 1, level)
    v_sat = psparms%smvcst_soilt(points, 1, level)
    smcl(:, 1) = progs%smcl_soilt(points, 1, level)
    t_soil(:, 1) = progs%t_soil_soilt(points, 1, level)
    call freeze_soil(size(points), 1, b, dzsoil(level:level), sathh, smcl, t_soil, v_sat, sthu, sthf)
    psparms%sthu_soilt(points, 1, level) = sthu(:, 1)
    psparms%sthf_soilt(points, 1, level) = sthf(:, 1)
  end subroutine refreeze

end module jml_hooks_column
