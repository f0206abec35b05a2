!! Antecedent drivers of soil respiration, and the factor that learned curves of them give.
!!
!! Drivers are the departures of wetness and temperature of the respiring layer from their exponential means over 1 and 10
!! days, and the difference between air and soil temperature. The means continue from one cycle of spin-up to the next, as
!! the soil does.
module jml_hooks_antecedent
  use, intrinsic :: iso_fortran_env, only: real64
  use um_types, only: rk => real_jlslsm
  use jules_ml_bridge, only: jml_antecedent_factor, JML_OK
  use jml_hooks_run, only: run, TEXT_LENGTH
  use jml_hooks_failure, only: bridge_error
  use jml_hooks_state, only: state_t
  implicit none
  private

  public :: multiply_by_antecedent, antecedent_write, antecedent_read

  integer, parameter :: N_MEANS = 4, N_DRIVERS = 5       !! the first four drivers are departures from the means
  real(real64), parameter :: TIME_SCALES(N_MEANS) = &    !! of wetness, then of temperature [s]
    [86400.0_real64, 864000.0_real64, 86400.0_real64, 864000.0_real64]

  real(real64), allocatable, save :: means(:, :)         !! (land_pts, N_MEANS): [1], [1], [K], [K]; before the first step none
  real(real64), allocatable, save :: factor(:)           !! of the step `factor_step` [1], (land_pts)
  integer, save :: factor_step = 0                       !! step of the run in which the means were last updated

contains

  !> Multiply the moisture modifier by the antecedent factor at the levels that respire.
  !>
  !> With carbon in layers, every level has the factor of the drivers of level 1, since the curves are fitted to one layer.
  subroutine multiply_by_antecedent(sthu, sthf, tsoil, l_soil_point, fsth, problem)
    use ancil_info, only: total_points => land_pts
    use jules_soil_biogeochem_mod, only: l_layeredC, l_soil_resp_lev2
    real(rk), intent(in) :: sthu(:, :)                   !! unfrozen water, fraction of saturation [1], (land_pts, sm_levels)
    real(rk), intent(in) :: sthf(:, :)                   !! frozen water, fraction of saturation [1]
    real(rk), intent(in) :: tsoil(:, :)                  !! soil temperature [K]
    logical, intent(in) :: l_soil_point(:)               !! whether a point is soil, (land_pts)
    real(rk), intent(inout) :: fsth(:, :)                !! moisture modifier [1]
    character(len=TEXT_LENGTH), intent(out) :: problem   !! why there is no factor, and the remedy; '' if there is one
    real(real64), allocatable :: wetness(:)
    integer :: level, first, last

    problem = ''
    if (size(fsth, 1) /= total_points) then
      write (problem, '(3(a, i0), a)') 'respiration: JULES called microbe with ', size(fsth, 1), ' of ', total_points, &
        ' points, and the history of antecedent drivers is that of all points: remove antecedent and antecedent_tables ' // &
        'from &jules_ml_respiration'
      return
    end if
    level = merge(2, 1, l_soil_resp_lev2 .and. .not. l_layeredC)
    if (factor_step /= run%steps) then                   ! once a step, however often microbe is called in it
      wetness = real(sthu(:, level), real64)
      if (l_soil_resp_lev2) wetness = wetness + sthf(:, level)
      call renew_factor(wetness, real(tsoil(:, level), real64), l_soil_point, problem)
      if (problem /= '') return
      factor_step = run%steps
    end if
    first = merge(1, level, l_layeredC)
    last = merge(size(fsth, 2), level, l_layeredC)
    do level = first, last
      fsth(:, level) = real(fsth(:, level) * factor, rk)
    end do
  end subroutine multiply_by_antecedent

  !> Calculate the factor from the means before this step, then add this step to the means.
  !>
  !> An exponential mean m of x changes in a step dt by (1 - exp(-dt / tau)) (x - m); in the first step m = x.
  subroutine renew_factor(wetness, temperature, l_soil_point, problem)
    use model_time_mod, only: timestep_len
    real(real64), intent(in) :: wetness(:)               !! of the respiring layer, fraction of saturation [1], (land_pts)
    real(real64), intent(in) :: temperature(:)           !! of the respiring layer [K]
    logical, intent(in) :: l_soil_point(:)               !! whether a point is soil; the others may contain any value
    character(len=TEXT_LENGTH), intent(out) :: problem   !! '' if there is none
    integer, allocatable :: points(:)
    real(real64), allocatable :: state(:, :), drivers(:, :), product(:)
    integer :: ierr, k, l

    problem = ''
    points = pack([(l, l=1, size(wetness))], l_soil_point)
    state = reshape([wetness(points), wetness(points), temperature(points), temperature(points)], [size(points), N_MEANS])
    if (.not. allocated(means)) then
      allocate (means(size(wetness), N_MEANS), source=0.0_real64)
      means(points, :) = state
    end if
    allocate (drivers(size(points), N_DRIVERS), product(size(points)))
    drivers(:, :N_MEANS) = state - means(points, :)
    drivers(:, N_DRIVERS) = air_temperature(points) - temperature(points)
    call jml_antecedent_factor(drivers(:, run%settings%antecedent), product, ierr)
    if (ierr /= JML_OK) then
      problem = bridge_error('respiration')
      return
    end if
    if (.not. allocated(factor)) allocate (factor(size(wetness)))
    factor = 1.0_real64
    factor(points) = product
    do k = 1, N_MEANS
      means(points, k) = means(points, k) + (1.0_real64 - exp(-timestep_len / TIME_SCALES(k))) * drivers(:, k)
    end do
  end subroutine renew_factor

  !> Air temperature of the forcing at some land points [K].
  function air_temperature(points) result(t)
    use jules_fields_mod, only: ainfo, forcing
    use theta_field_sizes, only: t_i_length
    integer, intent(in) :: points(:)                     !! land points
    real(real64) :: t(size(points))
    integer :: k, j

    do k = 1, size(points)
      j = (ainfo%land_index(points(k)) - 1) / t_i_length + 1
      t(k) = forcing%tl_1_ij(ainfo%land_index(points(k)) - (j - 1) * t_i_length, j)
    end do
  end function air_temperature

  !> Add the means to the state.
  subroutine antecedent_write(state)
    type(state_t), intent(inout) :: state

    call state%put(merge(1, 0, allocated(means)))
    if (allocated(means)) call state%put(means)
  end subroutine antecedent_write

  !> Take the means from a state.
  subroutine antecedent_read(state)
    use ancil_info, only: land_pts
    type(state_t), intent(inout) :: state
    integer :: has_means

    call state%take(has_means)
    if (has_means == 0) return
    if (.not. allocated(means)) allocate (means(land_pts, N_MEANS))
    call state%take(means)
  end subroutine antecedent_read

end module jml_hooks_antecedent
