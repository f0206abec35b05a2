!! The measurement of `cost_respiration` in 32-bit reals.
module cost_respiration_r32
  use, intrinsic :: iso_fortran_env, only: real64, rk => real32
  use jules_ml_bridge, only: jml_respiration, JML_OK
  implicit none
  private

  public :: measure

  integer, parameter :: ROUNDS = 15  !! the least of so many is kept

contains

  include 'cost_respiration_body.inc'

end module cost_respiration_r32
