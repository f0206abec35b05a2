!! Soil moisture that is replaced by the target of a learned module, or nudged towards it.
!!
!! Water, sthu and sthf change together, and the soil temperature does not change. The ledger records the water and heat
!! that this adds.
module jml_hooks_moisture
  use, intrinsic :: iso_fortran_env, only: real64
  use um_types, only: rk => real_jlslsm
  use jules_fields_mod, only: progs, psparms
  use jules_ml_bridge, only: jml_soil_moisture, JML_N_FORCING, JML_OK
  use jml_hooks_run, only: run
  use jml_hooks_failure, only: fail, bridge_error
  use jml_hooks_column, only: content_t, get_content, refreeze, layer_water
  use jml_hooks_forcing, only: forcing_mean_t
  use jml_hooks_ledger, only: add_to_ledger, ledger_is_on, BY_MOISTURE
  use jml_hooks_place, only: latitudes, longitudes, soil_points
  use jml_hooks_state, only: state_t
  implicit none
  private

  public :: add_forcing, try_module, moisten, moisture_write, moisture_read

  real(real64), parameter :: SECONDS_PER_HOUR = 3600.0_real64
  real(rk), parameter :: TRIAL_FORCING(JML_N_FORCING) = &   !! rain, snow, shortwave, longwave, t, q, wind, pressure, vpd
    [0.0_rk, 0.0_rk, 150.0_rk, 300.0_rk, 283.0_rk, 0.006_rk, 3.0_rk, 1.0e5_rk, 250.0_rk]

  !> How a level changes in a step.
  type :: change_t
    integer :: level = 0                             !! soil level
    real(real64) :: fraction = 1.0_real64            !! of the distance to the target that one step covers [1]
    integer, allocatable :: points(:)                !! land points with soil and a target
  end type change_t

  type(forcing_mean_t), save :: forcing              !! since the last call of the module
  real(rk), allocatable, save :: theta_target(:, :)  !! last target [m3 m-3], (land_pts, sm_levels)
  logical, allocatable, save :: mask(:, :)           !! where there is a target
  type(change_t), allocatable, save :: changes(:)    !! for each level in the settings, from the last target
  real(rk), allocatable, save :: latitude(:), longitude(:), mean_forcing(:, :)   !! inputs of the module. They and `date` keep
  integer, save :: date(6)                           !! their addresses, for which the bridge keeps views of Python
  type(content_t), save :: before, after             !! of a level; kept, because allocating them in each step costs time

contains

  !> Add the step that has just ended to the mean forcing of the next call.
  subroutine add_forcing()
    call forcing%add()
  end subroutine add_forcing

  !> Call the module in the first step to check its result, before a day of output has been written.
  subroutine try_module()
    use ancil_info, only: land_pts
    use jules_soil_mod, only: sm_levels
    real(rk) :: unused_target(land_pts, sm_levels)
    logical :: unused_mask(land_pts, sm_levels)
    integer :: ierr

    call jml_soil_moisture(date_of_now(), latitudes(), longitudes(), spread(TRIAL_FORCING, 1, land_pts), &
      progs%smcl_soilt(:, 1, :), psparms%sthu_soilt(:, 1, :), psparms%sthf_soilt(:, 1, :), progs%t_soil_soilt(:, 1, :), &
      unused_target, unused_mask, ierr, trial=.true.)
    if (ierr /= JML_OK) call fail(bridge_error('soil moisture, test call at the start'))
  end subroutine try_module

  !> Call the module if it is due, then change the soil.
  subroutine moisten(new_day)
    logical, intent(in) :: new_day        !! whether a day or a spin-up cycle begins with this step
    logical :: due
    integer :: k

    due = forcing%steps > 0 .and. (new_day .or. run%settings%every == 'step')
    if (due) call renew_target()
    if (.not. allocated(changes)) return
    if (due .or. run%settings%mode == 'nudge') then
      do k = 1, size(changes)
        call change_level(changes(k))
      end do
    end if
  end subroutine moisten

  !> Call the module with the mean forcing and the current state.
  subroutine renew_target()
    use ancil_info, only: land_pts
    use jules_soil_mod, only: sm_levels
    integer :: ierr

    if (.not. allocated(theta_target)) allocate (theta_target(land_pts, sm_levels), mask(land_pts, sm_levels))
    if (.not. allocated(latitude)) then
      latitude = latitudes()
      longitude = longitudes()
      allocate (mean_forcing(land_pts, JML_N_FORCING))
    end if
    date = date_of_now()
    call forcing%mean(mean_forcing)
    call jml_soil_moisture(date, latitude, longitude, mean_forcing, progs%smcl_soilt(:, 1, :), &
      psparms%sthu_soilt(:, 1, :), psparms%sthf_soilt(:, 1, :), progs%t_soil_soilt(:, 1, :), theta_target, mask, ierr)
    call forcing%clear()
    if (ierr /= JML_OK) then
      mask = .false.
      call fail(bridge_error('soil moisture'))
    end if
    call plan_changes()
  end subroutine renew_target

  !> Year, month, day, hour, minute and second at which the step begins.
  function date_of_now() result(now)
    use model_time_mod, only: current_time
    integer :: now(6)

    now = [current_time%year, current_time%month, current_time%day, current_time%time / 3600, &
      mod(current_time%time, 3600) / 60, mod(current_time%time, 60)]
  end function date_of_now

  !> Prepare what is the same in all steps until the next target.
  subroutine plan_changes()
    use jules_soil_mod, only: sm_levels
    integer :: k

    if (.not. allocated(changes)) then
      allocate (changes(merge(size(run%settings%levels), sm_levels, size(run%settings%levels) > 0)))
      changes%level = [(k, k=1, size(changes))]
      if (size(run%settings%levels) > 0) changes%level = run%settings%levels
      do k = 1, size(changes)
        changes(k)%fraction = fraction_of_step(k)
      end do
    end if
    do k = 1, size(changes)
      changes(k)%points = soil_points()
      changes(k)%points = pack(changes(k)%points, mask(changes(k)%points, changes(k)%level))
    end do
  end subroutine plan_changes

  !> Fraction of the distance to the target that one step covers [1]; k is the index of the level in the settings.
  function fraction_of_step(k) result(fraction)
    use model_time_mod, only: timestep_len
    integer, intent(in) :: k
    real(real64) :: fraction
    real(real64) :: tau

    fraction = 1.0_real64
    if (run%settings%mode /= 'nudge') return
    tau = run%settings%tau_hours(min(k, size(run%settings%tau_hours))) * SECONDS_PER_HOUR
    fraction = 1.0_real64 - exp(-timestep_len / tau)
  end function fraction_of_step

  !> Change the water of one level, between dry and saturated, and record the change in the ledger.
  subroutine change_level(change)
    type(change_t), intent(in) :: change
    real(rk) :: target_water
    real(real64) :: water
    integer :: k, l

    if (size(change%points) == 0) return
    if (ledger_is_on()) call get_content(change%points, change%level, before)
    do k = 1, size(change%points)
      l = change%points(k)
      target_water = min(max(layer_water(theta_target(l, change%level), change%level), 0.0_rk), &
        layer_water(psparms%smvcst_soilt(l, 1, change%level), change%level))
      water = progs%smcl_soilt(l, 1, change%level)
      progs%smcl_soilt(l, 1, change%level) = real(water + change%fraction * (target_water - water), rk)
    end do
    call refreeze(change%points, change%level)
    if (.not. ledger_is_on()) return
    call get_content(change%points, change%level, after)
    call add_to_ledger(BY_MOISTURE, change%points, change%level, before, after)
  end subroutine change_level

  !> Add what the next step needs to the state.
  subroutine moisture_write(state)
    type(state_t), intent(inout) :: state
    type(forcing_mean_t) :: with_last

    with_last = forcing                   ! the last step before the dump would be added in the next step only
    call with_last%add()
    call state%put(with_last%steps)
    call state%put(merge(1, 0, allocated(theta_target)))
    call state%put(with_last%sums)
    if (.not. allocated(theta_target)) return
    call state%put(real(theta_target, real64))
    call state%put(merge(1.0_real64, 0.0_real64, mask))
  end subroutine moisture_write

  !> Take what `moisture_write` added.
  subroutine moisture_read(state)
    use ancil_info, only: land_pts
    use jules_soil_mod, only: sm_levels
    type(state_t), intent(inout) :: state
    real(real64) :: columns(land_pts, sm_levels)
    integer :: has_target

    if (.not. allocated(forcing%sums)) allocate (forcing%sums(land_pts, JML_N_FORCING))
    call state%take(forcing%steps)
    call state%take(has_target)
    call state%take(forcing%sums)
    if (has_target == 0) return
    call state%take(columns)
    theta_target = real(columns, rk)
    call state%take(columns)
    mask = columns > 0.5_real64
    call plan_changes()
  end subroutine moisture_read

end module jml_hooks_moisture
