!! The three hooks in 32-bit reals.
module jml_bridge_r32
  use, intrinsic :: iso_fortran_env, only: rk => real32
  use jml_status, only: JML_OFF
  implicit none
  private

  public :: respiration, soil_properties, soil_moisture

contains

  include 'jml_bridge_body.inc'

end module jml_bridge_r32
