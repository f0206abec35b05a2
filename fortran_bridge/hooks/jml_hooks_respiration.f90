!! Heterotrophic respiration with the modifiers of the learned module; everything else is as in JULES's `microbe`.
!!
!! The arguments of `microbe` differ between versions of JULES. `jml_hooks_microbe` has those of this JULES (see variants/).
module jml_hooks_respiration
  use um_types, only: rk => real_jlslsm
  use jules_ml_bridge, only: jml_needs_v_crit, jml_respiration, JML_OK
  use jml_hooks_antecedent, only: multiply_by_antecedent
  use jml_hooks_run, only: run, TEXT_LENGTH
  use jml_hooks_failure, only: fail, bridge_error
  use jml_hooks_flux, only: respired, plant_cover_modifier
  implicit none
  private

  public :: check_arguments, respire

  real(rk), parameter :: COLDEST_SOIL = 100.0_rk      !! lower than any soil temperature, higher than any fraction [K]
  real(rk), parameter :: WARMEST_SOIL = 1000.0_rk     !! higher than any soil temperature [K]
  real(rk), parameter :: SAME = 1.0e-5_rk             !! water contents nearer than this are the same [m3 m-3]

contains

  !> Stop if JULES passes other arguments than those that the hooks were built for, which the linker does not detect.
  !>
  !> Most of the known lists of arguments differ in the place of the temperature, where another list has a water content or a
  !> respiration, which are below 2; a real of another kind is no temperature either. In 7.0 and 8.2 temperature has the same
  !> place, but not `v_sat`: in its place the other list has ice or the critical point. `v_sat` is therefore compared with the soil.
  !> The first level of all of these arrays has at least `land_pts` values.
  subroutine check_arguments(land_pts, tsoil, v_sat)
    use jml_hooks_stamp, only: MICROBE_VARIANT
    use logging_mod, only: log_fatal
    integer, intent(in) :: land_pts                   !! land points
    real(rk), intent(in) :: tsoil(land_pts)           !! what JULES passed as temperature of the first level [K]
    real(rk), intent(in) :: v_sat(land_pts)           !! and as its water content at saturation [m3 m-3]
    logical, save :: checked = .false.
    logical :: done, fit

    !$omp atomic read
    done = checked
    if (done .or. land_pts == 0) return
    fit = any(tsoil > COLDEST_SOIL .and. tsoil < WARMEST_SOIL)
    if (fit) fit = is_saturation(v_sat)
    if (.not. fit) call log_fatal('jules_ml', 'JULES calls microbe with ' // &
      'other arguments than those of JULES ' // MICROBE_VARIANT // ', for which the hooks were built, or without a soil ' // &
      'temperature between 100 and 1000 K: build the hooks against this JULES with jules-ml hooks')
    !$omp atomic write
    checked = .true.
  end subroutine check_arguments

  !> Whether values are those of a soil tile at saturation in the first level; true if they are not of all points.
  logical function is_saturation(v_sat)
    use ancil_info, only: total_points => land_pts
    use jules_fields_mod, only: psparms
    real(rk), intent(in) :: v_sat(:)                  !! [m3 m-3]
    integer :: tile

    is_saturation = size(v_sat) /= total_points
    do tile = 1, size(psparms%smvcst_soilt, 2)
      if (is_saturation) return
      is_saturation = all(abs(v_sat - psparms%smvcst_soilt(:, tile, 1)) < SAME)
    end do
  end function is_saturation

  !> Respiration of all pools and layers, and its diagnostics. Nothing is changed if the hook is off or fails.
  subroutine respire(land_pts, dim_cs1, l_q10, cs, sthu, sthf, v_sat, v_wilt, tsoil, resp_s, n_veg, veg_frac, sf_diag, &
      l_soil_point, done, v_crit)
    use ancil_info, only: dim_cslayer
    use jml_jules_names, only: kaps_4pool, soil_model_4pool
    use jules_soil_biogeochem_mod, only: kaps, tau_resp, l_layeredC, l_soil_resp_lev2, soil_bgc_model
    use jules_soil_mod, only: dzsoil, sm_levels
    use sf_diags_mod, only: strnewsfdiag
    integer, intent(in) :: land_pts                            !! land points
    integer, intent(in) :: dim_cs1                             !! carbon pools
    logical, intent(inout) :: l_q10                            !! exponential temperature form; true in the 1-pool model
    real(rk), intent(in) :: cs(land_pts, dim_cslayer, dim_cs1) !! soil carbon [kg m-2]
    real(rk), intent(in) :: sthu(land_pts, sm_levels)          !! unfrozen water, fraction of saturation [1]
    real(rk), intent(in) :: sthf(land_pts, sm_levels)          !! frozen water, fraction of saturation [1]
    real(rk), intent(in) :: v_sat(land_pts, sm_levels)         !! water content at saturation [m3 m-3]
    real(rk), intent(in) :: v_wilt(land_pts, sm_levels)        !! water content at wilting [m3 m-3]
    real(rk), intent(in) :: tsoil(land_pts, sm_levels)         !! soil temperature [K]
    real(rk), intent(inout) :: resp_s(land_pts, dim_cslayer, dim_cs1)  !! respiration [kg m-2 s-1]
    integer, intent(in) :: n_veg                               !! size of `veg_frac`; land_pts in the 4-pool model
    real(rk), intent(in) :: veg_frac(n_veg)                    !! vegetated fraction [1]
    type(strnewsfdiag), intent(inout) :: sf_diag               !! surface diagnostics
    logical, intent(in) :: l_soil_point(land_pts)              !! whether a point is soil
    logical, intent(out) :: done                               !! whether the module gave the respiration
    real(rk), intent(in), optional :: v_crit(land_pts, sm_levels)  !! water content at the critical point [m3 m-3]
    real(rk), allocatable :: fsth(:, :), ftemp(:, :), fprf(:)
    character(len=TEXT_LENGTH) :: problem
    integer :: level

    done = .false.
    if (.not. run%settings%respiration) return
    !$omp atomic write
    run%microbe_called = .true.

    allocate (fsth(land_pts, sm_levels), ftemp(land_pts, sm_levels), fprf(land_pts))
    call modifiers(land_pts, sm_levels, sthu, sthf, v_sat, v_wilt, tsoil, l_soil_point, fsth, ftemp, problem, v_crit)
    if (problem == '' .and. size(run%settings%antecedent) > 0) &
      call multiply_by_antecedent(sthu, sthf, tsoil, l_soil_point, fsth, problem)
    if (problem /= '') then
      call fail(trim(problem))
      return
    end if

    level = merge(2, 1, l_soil_resp_lev2)
    if (soil_bgc_model == soil_model_4pool) then
      fprf = plant_cover_modifier(veg_frac)
      call respired(l_layeredC, level, tau_resp, dzsoil, kaps_4pool(:dim_cs1), cs, fsth, ftemp, fprf, resp_s)
    else
      l_q10 = .true.
      fprf = 1.0_rk
      call respired(l_layeredC, level, tau_resp, dzsoil, [kaps], cs, fsth, ftemp, fprf, resp_s)
    end if

    ! JULES allocates a diagnostic that is not requested with one element only.
    if (sf_diag%l_fsth) sf_diag%fsth(:land_pts, :) = fsth
    if (sf_diag%l_ftemp) sf_diag%ftemp(:land_pts, :) = ftemp
    if (sf_diag%l_fprf) sf_diag%fprf(:land_pts) = fprf
    done = .true.
  end subroutine respire

  !> The modifiers of the module.
  !>
  !> A JULES before 8.2 does not pass the critical point. It is then that of the soil, which belongs to these points only if they
  !> are all points of the rank, and if there is one soil tile.
  subroutine modifiers(land_pts, sm_levels, sthu, sthf, v_sat, v_wilt, tsoil, l_soil_point, fsth, ftemp, problem, v_crit)
    use ancil_info, only: nsoilt, total_points => land_pts
    use jules_fields_mod, only: psparms
    integer, intent(in) :: land_pts, sm_levels
    real(rk), intent(in), dimension(land_pts, sm_levels) :: sthu, sthf, v_sat, v_wilt, tsoil
    logical, intent(in) :: l_soil_point(land_pts)
    real(rk), intent(out), dimension(land_pts, sm_levels) :: fsth, ftemp
    character(len=TEXT_LENGTH), intent(out) :: problem         !! why there are no modifiers, and the remedy; '' if there are
    real(rk), intent(in), optional :: v_crit(land_pts, sm_levels)
    logical :: in_soil
    integer :: ierr

    problem = ''
    in_soil = land_pts == total_points .and. nsoilt == 1
    if (present(v_crit)) then
      call jml_respiration(land_pts, sm_levels, sthu, sthf, v_sat, v_wilt, tsoil, l_soil_point, fsth, ftemp, ierr, v_crit)
    else if (in_soil .and. (jml_needs_v_crit() .or. run%settings%respiration_backend == 'python')) then
      call jml_respiration(land_pts, sm_levels, sthu, sthf, v_sat, v_wilt, tsoil, l_soil_point, fsth, ftemp, ierr, &
        psparms%smvccl_soilt(:, 1, :))
    else if (.not. jml_needs_v_crit()) then
      call jml_respiration(land_pts, sm_levels, sthu, sthf, v_sat, v_wilt, tsoil, l_soil_point, fsth, ftemp, ierr)
    else
      problem = 'respiration: the module needs v_crit, which microbe of this JULES does not have, and JULES calls it with ' // &
        'some of the points: run one thread, or use JULES 8.2'
      return
    end if
    if (ierr /= JML_OK) problem = bridge_error('respiration')
  end subroutine modifiers

end module jml_hooks_respiration
