!! Learned soil modules for a land model: the public interface.
!!
!! Every procedure returns `ierr`, JML_OK or another code of `jml_status`, and none stops the program. `jml_error` returns
!! the message of the last error in the calling thread. Soil arrays are (land_pts, sm_levels). Several threads may call
!! respiration at the same time, unless its backend is Python; all other procedures must be called from the thread that called
!! `jml_init`.
module jules_ml_bridge
  use jml_status, only: JML_OK, JML_OFF, JML_BAD_CONFIG, JML_BAD_TABLE, JML_BAD_NET, JML_BAD_SHAPE, JML_NOT_FINITE, &
    JML_NO_PYTHON, JML_PYTHON_FAILED, JML_WRONG_THREAD, JML_BAD_STATE
  use jml_settings, only: settings_t, JML_N_FORCING => N_FORCING, JML_ANTECEDENT_DRIVERS => ANTECEDENT_DRIVERS
  use jml_bridge_r32, only: respiration_r32 => respiration, respiration_of_size_r32 => respiration_of_size, &
    soil_properties_r32 => soil_properties, soil_moisture_r32 => soil_moisture
  use jml_bridge_r64, only: respiration_r64 => respiration, respiration_of_size_r64 => respiration_of_size, &
    soil_properties_r64 => soil_properties, soil_moisture_r64 => soil_moisture
  use jml_handle, only: jml_init, jml_enabled, jml_settings_of, jml_kernels, jml_needs_v_crit, jml_warm_end, &
    jml_antecedent_factor, jml_state_write, jml_state_read, jml_error, jml_finalise
  implicit none
  private

  public :: JML_OK, JML_OFF, JML_BAD_CONFIG, JML_BAD_TABLE, JML_BAD_NET, JML_BAD_SHAPE, JML_NOT_FINITE, &
    JML_NO_PYTHON, JML_PYTHON_FAILED, JML_WRONG_THREAD, JML_BAD_STATE
  public :: settings_t, JML_N_FORCING, JML_ANTECEDENT_DRIVERS
  public :: jml_init, jml_enabled, jml_settings_of, jml_kernels, jml_needs_v_crit, jml_warm_end, jml_error, jml_finalise
  public :: jml_respiration, jml_antecedent_factor, jml_soil_properties, jml_soil_moisture, jml_state_write, jml_state_read

  !> Moisture and temperature modifiers of soil respiration; `land_pts, sm_levels` may come first, which saves a little
  !! time, and `v_crit` last.
  interface jml_respiration
    module procedure respiration_r32, respiration_r64, respiration_of_size_r32, respiration_of_size_r64
  end interface jml_respiration

  !> Hydraulic and thermal properties of the soil from its carbon.
  interface jml_soil_properties
    module procedure soil_properties_r32, soil_properties_r64
  end interface jml_soil_properties

  !> Target water content of the soil.
  interface jml_soil_moisture
    module procedure soil_moisture_r32, soil_moisture_r64
  end interface jml_soil_moisture

end module jules_ml_bridge
