!! The soil column of JULES that the hooks change: water and ice of the layers, and their heat.
module jml_hooks_column
  use, intrinsic :: iso_fortran_env, only: real64
  use um_types, only: rk => real_jlslsm
  use jules_fields_mod, only: progs, psparms
  use jules_soil_mod, only: dzsoil
  use water_constants_mod, only: rho_water, hcapw, hcapi, lf
  implicit none
  private

  public :: content_t, get_content, refreeze, saturated_water, layer_water

  real(real64), parameter :: ZERO_CELSIUS = 273.15_real64   !! melting point [K]

  !> Water and heat of a layer at some points.
  type :: content_t
    real(real64), allocatable :: water(:)        !! water and ice [kg m-2]
    real(real64), allocatable :: sensible(:)     !! heat above the melting point, of soil, water and ice [J m-2]
    real(real64), allocatable :: latent(:)       !! minus the heat that melts the ice [J m-2]
  end type content_t

  !> Arguments of `freeze_soil`, which are kept from step to step: with few points, allocating them costs more than using them.
  type :: arguments_t
    real(rk), allocatable, dimension(:) :: b, sathh, v_sat
    real(rk), allocatable, dimension(:, :) :: smcl, t_soil, sthu, sthf
  end type arguments_t

  type(arguments_t), save :: arguments

contains

  !> Water and heat of a layer.
  subroutine get_content(points, level, content)
    integer, intent(in) :: points(:)             !! land points
    integer, intent(in) :: level                 !! soil level
    type(content_t), intent(inout) :: content    !! its arrays are used again if they have the size of `points`
    real(real64) :: saturation, liquid, ice, capacity
    integer :: k, l

    if (allocated(content%water)) then
      if (size(content%water) /= size(points)) deallocate (content%water, content%sensible, content%latent)
    end if
    if (.not. allocated(content%water)) &
      allocate (content%water(size(points)), content%sensible(size(points)), content%latent(size(points)))
    do k = 1, size(points)
      l = points(k)
      saturation = rho_water * dzsoil(level) * psparms%smvcst_soilt(l, 1, level)
      liquid = saturation * psparms%sthu_soilt(l, 1, level)
      ice = saturation * psparms%sthf_soilt(l, 1, level)
      capacity = psparms%hcap_soilt(l, 1, level) * dzsoil(level) + hcapw * liquid + hcapi * ice
      content%water(k) = progs%smcl_soilt(l, 1, level)
      content%sensible(k) = capacity * (progs%t_soil_soilt(l, 1, level) - ZERO_CELSIUS)
      content%latent(k) = -lf * ice
    end do
  end subroutine get_content

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
    integer :: k, l, n

    n = size(points)
    if (allocated(arguments%b)) then
      if (size(arguments%b) /= n) arguments = arguments_t()
    end if
    if (.not. allocated(arguments%b)) then
      allocate (arguments%b(n), arguments%sathh(n), arguments%v_sat(n))
      allocate (arguments%smcl(n, 1), arguments%t_soil(n, 1), arguments%sthu(n, 1), arguments%sthf(n, 1))
    end if
    do k = 1, n
      l = points(k)
      arguments%b(k) = psparms%bexp_soilt(l, 1, level)
      arguments%sathh(k) = psparms%sathh_soilt(l, 1, level)
      arguments%v_sat(k) = psparms%smvcst_soilt(l, 1, level)
      arguments%smcl(k, 1) = progs%smcl_soilt(l, 1, level)
      arguments%t_soil(k, 1) = progs%t_soil_soilt(l, 1, level)
    end do
    call freeze_soil(n, 1, arguments%b, dzsoil(level:level), arguments%sathh, arguments%smcl, arguments%t_soil, &
      arguments%v_sat, arguments%sthu, arguments%sthf)
    do k = 1, n
      psparms%sthu_soilt(points(k), 1, level) = arguments%sthu(k, 1)
      psparms%sthf_soilt(points(k), 1, level) = arguments%sthf(k, 1)
    end do
  end subroutine refreeze

end module jml_hooks_column
