!! The weather of the steps gone by, meaned until a module asks for it.
!!
!! Where the hooks stand in a step, its own rain is not known yet: JULES derives it from what it has just read. What
!! stands in the forcing before JULES reads on is the whole weather of the step before.
module jml_hooks_forcing
  use, intrinsic :: iso_fortran_env, only: real64
  use um_types, only: rk => real_jlslsm
  implicit none
  private

  public :: forcing_mean_t

  integer, parameter, public :: N_FORCING = 8    !! rain, snow, shortwave, longwave, t, q, wind, pressure

  !> Sums over steps.
  type :: forcing_mean_t
    integer :: steps = 0                              !! steps in the sums
    real(real64), allocatable :: sums(:, :)           !! (land_pts, N_FORCING)
  contains
    procedure :: add => add_step
    procedure :: mean => mean_of_steps
    procedure :: clear => clear_sums
  end type forcing_mean_t

contains

  !> Add the step that JULES has just finished.
  subroutine add_step(self)
    use ancil_info, only: land_pts
    use jules_fields_mod, only: ainfo, forcing
    use jules_forcing_mod, only: u_1_ij, v_1_ij
    use theta_field_sizes, only: t_i_length
    class(forcing_mean_t), intent(inout) :: self
    integer :: l, i, j

    if (.not. allocated(self%sums)) allocate (self%sums(land_pts, N_FORCING), source=0.0_real64)
    do l = 1, land_pts
      j = (ainfo%land_index(l) - 1) / t_i_length + 1
      i = ainfo%land_index(l) - (j - 1) * t_i_length
      self%sums(l, :) = self%sums(l, :) + [real(real64) :: &
        forcing%ls_rain_ij(i, j) + forcing%con_rain_ij(i, j), forcing%ls_snow_ij(i, j) + forcing%con_snow_ij(i, j), &
        forcing%sw_down_ij(i, j), forcing%lw_down_ij(i, j), forcing%tl_1_ij(i, j), forcing%qw_1_ij(i, j), &
        hypot(u_1_ij(i, j), v_1_ij(i, j)), forcing%pstar_ij(i, j)]
    end do
    self%steps = self%steps + 1
  end subroutine add_step

  !> Mean over the steps added: kg m-2 s-1, kg m-2 s-1, W m-2, W m-2, K, kg kg-1, m s-1, Pa.
  function mean_of_steps(self) result(mean)
    class(forcing_mean_t), intent(in) :: self
    real(rk), allocatable :: mean(:, :)               !! (land_pts, N_FORCING)

    mean = real(self%sums / self%steps, rk)
  end function mean_of_steps

  !> Forget what was added.
  subroutine clear_sums(self)
    class(forcing_mean_t), intent(inout) :: self

    self%steps = 0
    if (allocated(self%sums)) self%sums = 0.0_real64
  end subroutine clear_sums

end module jml_hooks_forcing
