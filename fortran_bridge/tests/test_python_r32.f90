!! The python backend in 32-bit reals.
module test_python_r32
  use, intrinsic :: iso_fortran_env, only: int32, int64, rk => real32
  use jules_ml_bridge, only: jml_finalise, jml_init, jml_respiration, jml_soil_moisture, jml_soil_properties, &
    jml_state_read, jml_state_write, JML_BAD_STATE, JML_NOT_FINITE, JML_PYTHON_FAILED, JML_OK
  use test_assert, only: check, check_status, write_file
  implicit none
  private

  public :: run

contains

  include 'test_python_body.inc'

  !> NaN, made without arithmetic.
  real(rk) function nan()
    nan = transfer(2143289344_int32, 1.0_rk)
  end function nan

end module test_python_r32
