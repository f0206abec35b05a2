!! The three hooks in 64-bit reals.
module jml_bridge_r64
  use, intrinsic :: iso_fortran_env, only: rk => real64
  use jml_status, only: JML_OFF
  implicit none
  private

  public :: respiration, soil_properties, soil_moisture

contains

  include 'jml_bridge_body.inc'

end module jml_bridge_r64
