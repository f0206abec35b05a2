!! The mean forcing since a module was last called.
!!
!! When the hooks run, the rain of the current step is not known yet: JULES derives it later from the values that it has
!! just read. The forcing is therefore added at the start of the next step, before JULES reads new values.
module jml_hooks_forcing
  use, intrinsic :: iso_fortran_env, only: real64
  use um_types, only: rk => real_jlslsm
  use jules_ml_bridge, only: JML_N_FORCING
  implicit none
  private

  public :: forcing_mean_t

  !> Sums over steps.
  type :: forcing_mean_t
    integer :: steps = 0                              !! number of steps in the sums
    real(real64), allocatable :: sums(:, :)           !! (land_pts, JML_N_FORCING)
  contains
    procedure :: add => add_step
    procedure :: mean => mean_of_steps
    procedure :: clear => clear_sums
  end type forcing_mean_t

contains

  !> Add the step that JULES has just finished.
  !>
  !> The vapour pressure deficit is added step by step, as in training: its mean over a day is not that of the day's mean
  !> temperature and humidity.
  subroutine add_step(self)
    use ancil_info, only: land_pts
    use jml_hooks_humidity, only: vapour_pressure_deficit
    use jules_fields_mod, only: ainfo, forcing
    use jules_forcing_mod, only: u_1_ij, v_1_ij
    use theta_field_sizes, only: t_i_length
    class(forcing_mean_t), intent(inout) :: self
    real(real64) :: t, q, pressure, values(JML_N_FORCING)
    integer :: l, i, j

    if (.not. allocated(self%sums)) allocate (self%sums(land_pts, JML_N_FORCING), source=0.0_real64)
    do l = 1, land_pts
      j = (ainfo%land_index(l) - 1) / t_i_length + 1
      i = ainfo%land_index(l) - (j - 1) * t_i_length
      t = forcing%tl_1_ij(i, j)
      q = forcing%qw_1_ij(i, j)
      pressure = forcing%pstar_ij(i, j)
      values = [real(real64) :: &
        forcing%ls_rain_ij(i, j) + forcing%con_rain_ij(i, j), forcing%ls_snow_ij(i, j) + forcing%con_snow_ij(i, j), &
        forcing%sw_down_ij(i, j), forcing%lw_down_ij(i, j), t, q, hypot(u_1_ij(i, j), v_1_ij(i, j)), pressure, &
        vapour_pressure_deficit(t, q, pressure)]
      self%sums(l, :) = self%sums(l, :) + values
    end do
    self%steps = self%steps + 1
  end subroutine add_step

  !> Mean over the steps added, in the order and units of the forcing of `jml_soil_moisture`.
  subroutine mean_of_steps(self, mean)
    class(forcing_mean_t), intent(in) :: self
    real(rk), intent(out) :: mean(:, :)               !! (land_pts, JML_N_FORCING)

    mean = real(self%sums / self%steps, rk)
  end subroutine mean_of_steps

  !> Set the sums back to zero.
  subroutine clear_sums(self)
    class(forcing_mean_t), intent(inout) :: self

    self%steps = 0
    if (allocated(self%sums)) self%sums = 0.0_real64
  end subroutine clear_sums

end module jml_hooks_forcing
