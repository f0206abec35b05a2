!! Settings of JULES with which a hook would silently give wrong results. They are refused before any output is written.
module jml_hooks_guards
  use, intrinsic :: iso_fortran_env, only: real64
  use jules_ml_bridge, only: settings_t, jml_needs_v_crit, jml_warm_end
  implicit none
  private

  public :: refusal, warning

contains

  !> Why the hooks cannot work with the settings of JULES; '' if they can.
  function refusal(settings) result(text)
    use ancil_info, only: nsoilt
    use jml_hooks_stamp, only: MICROBE_VARIANT
    use jules_hydrology_mod, only: l_top
    use jules_irrig_mod, only: l_irrig_dmd
    use jules_model_environment_mod, only: lsm_id, cable
    use jules_soil_biogeochem_mod, only: soil_bgc_model, soil_model_ecosse
    use jules_soil_mod, only: sm_levels
    use update_mod, only: have_prescribed_sthuf, l_imogen
    type(settings_t), intent(in) :: settings
    character(len=:), allocatable :: text
    logical :: changes_state

    changes_state = settings%properties .or. settings%moisture
    text = ''
    if (lsm_id == cable) then
      text = 'the hooks are for the JULES land surface, not for CABLE: set lsm_id = 1, or remove jules_ml.nml'
    else if (settings%respiration .and. soil_bgc_model == soil_model_ecosse) then
      text = '&jules_ml_respiration has no effect in ECOSSE, which does not call microbe: use the 1-pool or 4-pool model'
    else if (size(settings%antecedent) > 0 .and. nsoilt > 1) then
      text = 'antecedent in &jules_ml_respiration needs one soil tile, since it keeps one history a point: ' // &
        'set l_tile_soil = .false., or remove antecedent and antecedent_tables'
    else if (settings%respiration .and. nsoilt > 1 .and. MICROBE_VARIANT /= '8.2' .and. jml_needs_v_crit()) then
      text = '&jules_ml_respiration has a module that needs v_crit, which microbe of this JULES does not have, and there is ' // &
        'more than one soil tile: set l_tile_soil = .false., or use JULES 8.2'
    else if ((changes_state .or. size(settings%antecedent) > 0) .and. l_imogen) then
      text = '&jules_ml_properties, &jules_ml_moisture and antecedent need a call in every step, and with IMOGEN JULES calls ' // &
        'update_model_variables once a year: set l_imogen = .false., or remove them'
    else if (changes_state .and. nsoilt > 1) then
      text = '&jules_ml_properties and &jules_ml_moisture need one soil tile: set l_tile_soil = .false.'
    else if (changes_state .and. l_irrig_dmd) then
      text = '&jules_ml_properties and &jules_ml_moisture do not treat the irrigated fraction: set l_irrig_dmd = .false.'
    else if (settings%moisture .and. l_top) then
      text = '&jules_ml_moisture does not change the water table of TOPMODEL with the soil moisture: set l_top = .false.'
    else if (settings%moisture .and. have_prescribed_sthuf) then
      text = '&jules_ml_moisture is overwritten by prescribed sthuf: remove sthuf from JULES_PRESCRIBED_DATASET'
    else if (settings%moisture) then
      text = bad_levels(settings, sm_levels)
    end if
  end function refusal

  !> What may go wrong with settings that are allowed; '' if there is nothing.
  !>
  !> With the heat of respiration, warm soil respires more and becomes warmer. A modifier that increases to the end of its table,
  !> or of the temperatures that it was fitted to, and is constant above, does not limit this.
  function warning(settings) result(text)
    use jml_jules_names, only: L_BGC_HEAT
    type(settings_t), intent(in) :: settings
    character(len=:), allocatable :: text
    real(real64) :: warm_end
    character(len=8) :: kelvin

    text = ''
    if (.not. (L_BGC_HEAT .and. settings%respiration)) return
    warm_end = jml_warm_end()
    if (warm_end <= 0.0_real64) return
    write (kelvin, '(f6.1)') warm_end
    text = 'l_bgc_heat is on, and the learned g does not decline up to ' // trim(adjustl(kelvin)) // ' K, where its data end: ' // &
      'warm soil with much carbon may heat itself without limit. Check t_soil in the output'
  end function warning

  !> Why the levels of the moisture hook do not fit the soil; '' if they do.
  function bad_levels(settings, sm_levels) result(text)
    type(settings_t), intent(in) :: settings
    integer, intent(in) :: sm_levels               !! soil levels of the run
    character(len=:), allocatable :: text
    character(len=12) :: count_text

    text = ''
    if (.not. allocated(settings%levels)) return
    if (any(settings%levels < 1) .or. any(settings%levels > sm_levels)) then
      write (count_text, '(i0)') sm_levels
      text = 'levels in &jules_ml_moisture must be between 1 and sm_levels = ' // trim(count_text)
    end if
  end function bad_levels

end module jml_hooks_guards
