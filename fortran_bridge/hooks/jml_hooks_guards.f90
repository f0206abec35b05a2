!! Settings of JULES with which a hook would silently give wrong results. They are refused before any output is written.
module jml_hooks_guards
  use jules_ml_bridge, only: settings_t
  implicit none
  private

  public :: refusal

contains

  !> Why the hooks cannot work with the settings of JULES; '' if they can.
  function refusal(settings) result(text)
    use ancil_info, only: nsoilt
    use jules_hydrology_mod, only: l_top
    use jules_irrig_mod, only: l_irrig_dmd
    use jules_model_environment_mod, only: lsm_id, cable
    use jules_soil_biogeochem_mod, only: soil_bgc_model, soil_model_ecosse
    use jules_soil_mod, only: sm_levels
    use update_mod, only: have_prescribed_sthuf
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
