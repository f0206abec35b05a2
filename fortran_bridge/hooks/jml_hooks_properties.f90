!! Hydraulic and thermal properties of the soil from a learned module, with all variables of JULES that depend on them.
!!
!! Values are absolute, never relative, because they are restored after a dump. The soil keeps its water: the new saturation
!! rescales sthu and sthf, and only water above the saturation is removed, which the ledger records.
module jml_hooks_properties
  use, intrinsic :: iso_fortran_env, only: real64
  use um_types, only: rk => real_jlslsm
  use jules_fields_mod, only: ainfo, progs, psparms
  use jules_ml_bridge, only: jml_soil_properties, JML_OK
  use jml_hooks_run, only: run
  use jml_hooks_failure, only: fail, bridge_error
  use jml_hooks_column, only: content_t, get_content, refreeze, saturated_water
  use jml_hooks_ledger, only: add_to_ledger, BY_PROPERTIES
  use jml_hooks_place, only: latitudes, longitudes, soil_points
  use jml_hooks_state, only: state_t
  implicit none
  private

  public :: mark_properties, prescribed_properties, renew_properties, properties_write, properties_read

  !> The result of the module, by point and level.
  type :: properties_t
    real(rk), allocatable, dimension(:, :) :: b, sathh, sm_sat, sm_crit, sm_wilt, hcap   !! (land_pts, sm_levels)
    real(rk), allocatable, dimension(:, :) :: satcon, hcon                               !! (land_pts, 0:sm_levels)
  end type properties_t

  real(rk), parameter :: MARK = -1.0_rk   !! a value that no property can have

  integer, save :: days_since = -1        !! days since the last call of the module; -1: not called yet
  type(properties_t), allocatable, save :: marked   !! the values that the marks replace

contains

  !> Mark every property, to find out which of them JULES overwrites from files: it has no list of prescribed properties.
  subroutine mark_properties()
    allocate (marked)
    call allocate_properties(marked)
    marked%b = psparms%bexp_soilt(:, 1, :)
    marked%sathh = psparms%sathh_soilt(:, 1, :)
    marked%satcon = psparms%satcon_soilt(:, 1, :)
    marked%sm_sat = psparms%smvcst_soilt(:, 1, :)
    marked%sm_crit = psparms%smvccl_soilt(:, 1, :)
    marked%sm_wilt = psparms%smvcwt_soilt(:, 1, :)
    marked%hcap = psparms%hcap_soilt(:, 1, :)
    marked%hcon = psparms%hcon_soilt(:, 1, :)
    psparms%bexp_soilt = MARK
    psparms%sathh_soilt = MARK
    psparms%satcon_soilt = MARK
    psparms%smvcst_soilt = MARK
    psparms%smvccl_soilt = MARK
    psparms%smvcwt_soilt = MARK
    psparms%hcap_soilt = MARK
    psparms%hcon_soilt = MARK
  end subroutine mark_properties

  !> Names of the properties whose marks were overwritten, or ''; restores the values of all properties.
  function prescribed_properties() result(names)
    use ancil_info, only: land_pts
    use jules_soil_mod, only: sm_levels
    character(len=:), allocatable :: names
    integer :: l, level

    names = ''
    call add_if_overwritten('b', psparms%bexp_soilt)
    call add_if_overwritten('sathh', psparms%sathh_soilt)
    call add_if_overwritten('satcon', psparms%satcon_soilt)
    call add_if_overwritten('sm_sat', psparms%smvcst_soilt)
    call add_if_overwritten('sm_crit', psparms%smvccl_soilt)
    call add_if_overwritten('sm_wilt', psparms%smvcwt_soilt)
    call add_if_overwritten('hcap', psparms%hcap_soilt)
    call add_if_overwritten('hcon', psparms%hcon_soilt)
    do level = 1, sm_levels
      call place(marked, [(l, l=1, land_pts)], level)
    end do
    deallocate (marked)

  contains

    subroutine add_if_overwritten(name, values)
      character(len=*), intent(in) :: name
      real(rk), intent(in) :: values(:, :, :)

      if (.not. any(abs(values - MARK) > 0.0_rk)) return
      if (len(names) > 0) names = names // ', '
      names = names // name
    end subroutine add_if_overwritten

  end function prescribed_properties

  !> Call the module at the start of the run and then at the interval of the settings.
  subroutine renew_properties(new_day)
    logical, intent(in) :: new_day        !! whether a day begins with this step
    type(properties_t) :: new
    integer :: ierr

    if (days_since >= 0) then
      if (.not. new_day) return
      days_since = days_since + 1
      if (run%settings%every_days == 0 .or. days_since < run%settings%every_days) return
    end if
    days_since = 0
    call call_module(new, ierr)
    if (ierr /= JML_OK) return
    call adopt(new)
  end subroutine renew_properties

  !> Call the module, and refuse impossible properties.
  subroutine call_module(new, ierr)
    type(properties_t), intent(out) :: new
    integer, intent(out) :: ierr
    integer, allocatable :: points(:)

    call allocate_properties(new)
    call jml_soil_properties(progs%cs_pool_soilt(:, 1, :, :), latitudes(), longitudes(), new%b, new%sathh, new%satcon, &
      new%sm_sat, new%sm_crit, new%sm_wilt, new%hcap, new%hcon, ierr)
    if (ierr /= JML_OK) then
      call fail(bridge_error('soil properties'))
      return
    end if
    points = soil_points()
    if (any(new%b(points, :) <= 0.0_rk) .or. any(new%sathh(points, :) <= 0.0_rk) .or. &
      any(new%satcon(points, :) < 0.0_rk) .or. any(new%hcap(points, :) <= 0.0_rk) .or. &
      any(new%hcon(points, :) <= 0.0_rk) .or. any(new%sm_sat(points, :) > 1.0_rk) .or. &
      any(new%sm_wilt(points, :) < 0.0_rk) .or. any(new%sm_crit(points, :) <= new%sm_wilt(points, :)) .or. &
      any(new%sm_sat(points, :) < new%sm_crit(points, :))) then
      ierr = JML_OK + 1
      call fail('soil properties: the properties from ' // trim(run%settings%properties_callable) // ' are impossible: ' // &
        'b, sathh, hcap and hcon must be positive, satcon not negative, and 0 <= sm_wilt < sm_crit <= sm_sat <= 1')
    end if
  end subroutine call_module

  !> Use the new values, limit the water to the saturation, and adjust the ice; the ledger records the water removed.
  subroutine adopt(new)
    use jules_soil_mod, only: sm_levels
    type(properties_t), intent(in) :: new
    integer, allocatable :: points(:)
    type(content_t) :: before, after
    integer :: level

    points = soil_points()
    do level = 1, sm_levels
      call get_content(points, level, before)
      call place(new, points, level)
      progs%smcl_soilt(points, 1, level) = min(progs%smcl_soilt(points, 1, level), saturated_water(points, level))
      call refreeze(points, level)
      call get_content(points, level, after)
      call add_to_ledger(BY_PROPERTIES, points, level, before, after)
    end do
    call update_dependents()
  end subroutine adopt

  !> Use the values that the run had when its dump was written.
  !>
  !> The dump contains wetness, which JULES has converted to water with the saturation of its own files. The wetness is kept,
  !> and the water is computed again.
  subroutine restore(old)
    use jules_soil_mod, only: sm_levels
    type(properties_t), intent(in) :: old
    integer, allocatable :: points(:)
    integer :: level

    points = soil_points()
    do level = 1, sm_levels
      call place(old, points, level)
      progs%smcl_soilt(points, 1, level) = saturated_water(points, level) * &
        (psparms%sthu_soilt(points, 1, level) + psparms%sthf_soilt(points, 1, level))
      call refreeze(points, level)
    end do
    call update_dependents()
  end subroutine restore

  !> Copy the values of one level to JULES's arrays, and with level 1 those of the surface.
  subroutine place(new, points, level)
    type(properties_t), intent(in) :: new
    integer, intent(in) :: points(:)      !! land points
    integer, intent(in) :: level          !! soil level

    if (level == 1) then
      psparms%satcon_soilt(points, 1, 0) = new%satcon(points, 0)
      psparms%hcon_soilt(points, 1, 0) = new%hcon(points, 0)
    end if
    psparms%bexp_soilt(points, 1, level) = new%b(points, level)
    psparms%sathh_soilt(points, 1, level) = new%sathh(points, level)
    psparms%satcon_soilt(points, 1, level) = new%satcon(points, level)
    psparms%smvcst_soilt(points, 1, level) = new%sm_sat(points, level)
    psparms%smvccl_soilt(points, 1, level) = new%sm_crit(points, level)
    psparms%smvcwt_soilt(points, 1, level) = new%sm_wilt(points, level)
    psparms%hcap_soilt(points, 1, level) = new%hcap(points, level)
    psparms%hcon_soilt(points, 1, level) = new%hcon(points, level)
  end subroutine place

  !> Compute again the variables that JULES derives from soil properties at its start only.
  subroutine update_dependents()
    use ancil_info, only: land_pts, nsurft
    use infiltration_rate_mod, only: infiltration_rate
    use jules_vegetation_mod, only: l_use_pft_psi

    call infiltration_rate(land_pts, nsurft, ainfo%surft_pts, ainfo%surft_index, psparms%satcon_soilt(:, :, 0), &
      ainfo%frac_surft, psparms%infil_surft)
    if (l_use_pft_psi) call update_stomatal_limits()
  end subroutine update_dependents

  !> Water contents at which stomata close and open, from the potentials of each plant type.
  subroutine update_stomatal_limits()
    use ancil_info, only: land_pts
    use hyd_psi_mod, only: sthu_from_psi
    use jules_soil_mod, only: sm_levels
    use jules_surface_types_mod, only: npft
    use pftparm, only: psi_close, psi_open
    real(rk), parameter :: STHU_MIN = 0.01_rk      !! smallest wetness, as at JULES's start
    integer :: l, level, n

    do n = 1, npft
      do level = 1, sm_levels
        do l = 1, land_pts
          associate (b => psparms%bexp_soilt(l, 1, level), sathh => psparms%sathh_soilt(l, 1, level), &
              sm_sat => psparms%smvcst_soilt(l, 1, level))
            psparms%v_close_pft(l, level, n) = sthu_from_psi(psi_close(n), sathh, b, STHU_MIN) * sm_sat
            psparms%v_open_pft(l, level, n) = sthu_from_psi(psi_open(n), sathh, b, STHU_MIN) * sm_sat
          end associate
        end do
      end do
    end do
  end subroutine update_stomatal_limits

  !> Add what the next step needs to the state.
  subroutine properties_write(state)
    type(state_t), intent(inout) :: state

    call state%put(days_since)
    if (days_since < 0) return
    call state%put(real(psparms%bexp_soilt(:, 1, :), real64))
    call state%put(real(psparms%sathh_soilt(:, 1, :), real64))
    call state%put(real(psparms%satcon_soilt(:, 1, :), real64))
    call state%put(real(psparms%smvcst_soilt(:, 1, :), real64))
    call state%put(real(psparms%smvccl_soilt(:, 1, :), real64))
    call state%put(real(psparms%smvcwt_soilt(:, 1, :), real64))
    call state%put(real(psparms%hcap_soilt(:, 1, :), real64))
    call state%put(real(psparms%hcon_soilt(:, 1, :), real64))
  end subroutine properties_write

  !> Take what `properties_write` added, and restore it.
  subroutine properties_read(state)
    type(state_t), intent(inout) :: state
    type(properties_t) :: old

    call state%take(days_since)
    if (days_since < 0) return
    call allocate_properties(old)
    call take_property(old%b)
    call take_property(old%sathh)
    call take_property(old%satcon)
    call take_property(old%sm_sat)
    call take_property(old%sm_crit)
    call take_property(old%sm_wilt)
    call take_property(old%hcap)
    call take_property(old%hcon)
    if (state%complete) call restore(old)

  contains

    subroutine take_property(values)
      real(rk), intent(out) :: values(:, :)
      real(real64) :: columns(size(values, 1), size(values, 2))

      call state%take(columns)
      values = real(columns, rk)
    end subroutine take_property

  end subroutine properties_read

  !> Allocate the properties of this rank's points.
  subroutine allocate_properties(properties)
    use ancil_info, only: land_pts
    use jules_soil_mod, only: sm_levels
    type(properties_t), intent(out) :: properties

    allocate (properties%b(land_pts, sm_levels))
    allocate (properties%sathh, properties%sm_sat, properties%sm_crit, properties%sm_wilt, properties%hcap, mold=properties%b)
    allocate (properties%satcon(land_pts, 0:sm_levels), properties%hcon(land_pts, 0:sm_levels))
  end subroutine allocate_properties

end module jml_hooks_properties
