!! The forcing of the host, from formulas: annual and diurnal cycles, with rain every third day.
module time_varying_input_mod
  implicit none
  private

  public :: update_model_variables

contains

  !> Set the forcing of the step. As in JULES, this is total rain, which is partitioned later.
  subroutine update_model_variables()
    use datetime_mod, only: datetime
    use jules_fields_mod, only: forcing, psparms
    use jules_forcing_mod, only: u_1_ij, v_1_ij
    use model_grid_mod, only: longitude
    use model_time_mod, only: current_time
    use update_mod, only: have_prescribed_b
    real, parameter :: TURN = 6.2831853
    real :: season, hour, wet

    season = TURN * (30.5 * (current_time%month - 1) + current_time%day - 110) / 365.0
    hour = TURN * (current_time%time - 32400) / 86400.0
    forcing%tl_1_ij = 280.0 + 9.0 * sin(season) + 4.0 * sin(hour) + 0.5 * longitude
    wet = merge(1.0, 0.0, mod(current_time%day, 3) == 0)
    forcing%ls_rain_ij = wet * 1.5e-4 * (1.0 + 0.1 * longitude)
    forcing%con_rain_ij = 0.0
    forcing%ls_snow_ij = 0.0
    forcing%con_snow_ij = 0.0
    forcing%sw_down_ij = max(0.0, 300.0 * sin(hour))
    forcing%lw_down_ij = 300.0
    forcing%qw_1_ij = 0.006
    forcing%pstar_ij = 1.0e5
    u_1_ij = 3.0
    v_1_ij = 4.0
    if (have_prescribed_b) psparms%bexp_soilt = 6.6
  end subroutine update_model_variables

end module time_varying_input_mod
