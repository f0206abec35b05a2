!! Humidity of air, by the formulas of `jules_ml/data/humidity.py`, which the training data are made with.
module jml_hooks_humidity
  use, intrinsic :: iso_fortran_env, only: real64
  implicit none
  private

  public :: vapour_pressure_deficit

  real(real64), parameter :: EPSILON_AIR = 0.62198_real64    !! ratio of the molar masses of water and dry air [1]
  real(real64), parameter :: ZERO_CELSIUS = 273.15_real64    !! [K]

contains

  !> Vapour pressure deficit [Pa]: saturation over water, below freezing too, minus vapour pressure; never negative.
  elemental function vapour_pressure_deficit(t, q, pressure) result(deficit)
    real(real64), intent(in) :: t              !! temperature of air [K]
    real(real64), intent(in) :: q              !! specific humidity [kg kg-1]
    real(real64), intent(in) :: pressure       !! pressure of air [Pa]
    real(real64) :: deficit

    deficit = max(saturation_vapour_pressure(t) - vapour_pressure(q, pressure), 0.0_real64)
  end function vapour_pressure_deficit

  !> Saturation vapour pressure over water [Pa].
  !>
  !> World Meteorological Organization (2018), Guide to Instruments and Methods of Observation, WMO-No. 8, Annex 4.B.
  elemental function saturation_vapour_pressure(t) result(saturation)
    real(real64), intent(in) :: t              !! temperature of air [K]
    real(real64) :: saturation

    saturation = 611.2_real64 * exp(17.62_real64 * (t - ZERO_CELSIUS) / (243.12_real64 + (t - ZERO_CELSIUS)))
  end function saturation_vapour_pressure

  !> Vapour pressure [Pa], from the definition of specific humidity.
  elemental function vapour_pressure(q, pressure) result(vapour)
    real(real64), intent(in) :: q              !! specific humidity [kg kg-1]
    real(real64), intent(in) :: pressure       !! pressure of air [Pa]
    real(real64) :: vapour

    vapour = q * pressure / (EPSILON_AIR + (1.0_real64 - EPSILON_AIR) * q)
  end function vapour_pressure

end module jml_hooks_humidity
