!! The three hooks in 32-bit reals.
module jml_bridge_r32
  use, intrinsic :: iso_c_binding, only: c_int
  use, intrinsic :: iso_fortran_env, only: rk => real32
  use jml_kernels_r32_base, only: all_finite
  use jml_handle, only: handle, native => native_r32
  use jml_message, only: fail
  use jml_namelist, only: text_of
  use jml_native_r32, only: factors, READS_STHU, READS_STHF, READS_V_SAT, READS_V_WILT, READS_T_SOIL
  use jml_python, only: array_of, python_call, CODE => CODE_R32, CODE_INTEGER, CODE_LOGICAL, SLOT_RESPIRATION, &
    SLOT_PROPERTIES, SLOT_MOISTURE, SLOT_MOISTURE_TRIAL
  use jml_status, only: JML_BAD_SHAPE, JML_NOT_FINITE, JML_OFF, JML_OK
  implicit none
  private

  public :: respiration, respiration_of_size, soil_properties, soil_moisture

  integer, parameter :: FORCINGS = 8   !! rain, snow, sw, lw, t, q, wind, pstar

contains

  include 'jml_bridge_body.inc'

end module jml_bridge_r32
