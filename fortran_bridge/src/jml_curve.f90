!! Curve tables: a function of one variable at equally spaced points, read from a namelist.
module jml_curve
  use, intrinsic :: ieee_arithmetic, only: ieee_is_finite
  use, intrinsic :: iso_fortran_env, only: real32, real64
  use jml_namelist, only: ABSENT, ABSENT_INTEGER, is_given, open_namelist, refuse_unknown_groups, text_of, unreadable
  use jml_settings, only: ANTECEDENT_DRIVERS
  use jml_status, only: JML_BAD_TABLE, JML_OK
  implicit none
  private

  public :: curve_t, curve_read, curve_check, warm_end_of

  integer, parameter, public :: X_STHU = 1       !! unfrozen water, fraction of saturation [1]
  integer, parameter, public :: X_STH = 2        !! unfrozen and frozen water, fraction of saturation [1]
  integer, parameter, public :: X_THETA = 3      !! unfrozen water [m3 m-3]: sthu * v_sat
  integer, parameter, public :: X_THETA_V_CRIT = 4   !! unfrozen water, fraction of the critical point [1]: sthu * v_sat / v_crit
  integer, parameter, public :: X_T_SOIL = 5     !! soil temperature [K]; the numbers above it are ANTECEDENT_DRIVERS

  character(len=*), parameter :: KNOWN_X(10) = &
    [character(len=15) :: 'sthu', 'sthu+sthf', 'theta', 'theta/v_crit', 't_soil', ANTECEDENT_DRIVERS]
  character(len=*), parameter :: KNOWN_UNITS(10) = [character(len=6) :: '1', '1', 'm3 m-3', '1', 'K', '1', '1', 'K', 'K', 'K']

  integer, parameter :: VERSION_READ = 1         !! version of the format
  integer, parameter :: MAX_POINTS = 100001      !! most points of a table

  !> A function of one variable, tabulated at equally spaced points, linear between them.
  type :: curve_t
    integer :: x = 0                             !! one of the X_ numbers
    real(real64) :: x_min = 0.0_real64           !! first abscissa [units of x]
    real(real64) :: x_max = 1.0_real64           !! last abscissa [units of x]
    real(real64) :: seen_max = 1.0_real64        !! end of the training data [units of x]
    real(real64), allocatable :: y(:)            !! ordinates [1], finite and not negative
  end type curve_t

contains

  !> Read a curve table.
  subroutine curve_read(path, expected, curve, status, message)
    character(len=*), intent(in) :: path
    character(len=*), intent(in) :: expected                    !! name that the table must have: 'fsth', 'ftemp' or 'antecedent'
    type(curve_t), intent(out) :: curve
    integer, intent(out) :: status                              !! JML_OK or JML_BAD_TABLE
    character(len=:), allocatable, intent(out) :: message       !! names the file and the entry; empty if there is no error
    character(len=:), allocatable :: text
    character(len=256) :: name, x, x_units, why
    real(real64) :: x_min, x_max, seen_min, seen_max, reference
    real(real64), allocatable :: y(:)
    integer :: version, n, unit, iostat
    namelist /jules_ml_curve/ version, name, x, x_units, x_min, x_max, n, y, seen_min, seen_max, reference

    status = JML_BAD_TABLE
    call open_namelist(path, unit, message)
    if (message /= '') return
    call refuse_unknown_groups(unit, path, ['jules_ml_curve'], message)

    allocate (y(MAX_POINTS), source=ABSENT)
    version = ABSENT_INTEGER
    n = ABSENT_INTEGER
    name = ''
    x = ''
    x_units = ''
    x_min = ABSENT
    x_max = ABSENT
    seen_min = ABSENT
    seen_max = ABSENT
    reference = ABSENT
    why = ''
    iostat = 0
    if (message == '') read (unit, nml=jules_ml_curve, iostat=iostat, iomsg=why)
    close (unit)
    if (message /= '') return
    if (iostat /= 0) then
      message = path // ': ' // unreadable('jules_ml_curve', iostat, why)
      return
    end if

    curve%x = findloc(KNOWN_X == x, .true., dim=1)
    text = ''
    if (.not. is_given(version)) then
      text = 'version is missing: give version = ' // text_of(VERSION_READ)
    else if (version /= VERSION_READ) then
      text = 'version is ' // text_of(version) // ', but this library reads version ' // text_of(VERSION_READ)
    else if (name /= expected) then
      text = "name is '" // trim(name) // "', but jules_ml.nml uses the table as '" // expected // "'"
    else if (curve%x == 0) then
      text = "x is '" // trim(x) // "': give 'sthu', 'sthu+sthf', 'theta', 'theta/v_crit', 't_soil' or an antecedent driver"
    else if (modifier_of(curve%x) /= expected) then
      text = "x is '" // trim(x) // "', but a table of fsth needs a wetness, a table of ftemp needs 't_soil', and a table " // &
        'of antecedent needs an antecedent driver'
    else if (x_units == '') then
      text = "x_units is missing: give x_units = '" // trim(KNOWN_UNITS(curve%x)) // "'"
    else if (x_units /= KNOWN_UNITS(curve%x)) then
      text = "x_units is '" // trim(x_units) // "', but the unit of " // trim(x) // " is '" // trim(KNOWN_UNITS(curve%x)) // "'"
    else if (.not. (is_given(x_min) .and. is_given(x_max))) then
      text = 'x_min or x_max is missing: give both'
    else if (.not. is_given(n)) then
      text = 'n is missing: give the number of values of y'
    else if (n /= count(is_given(y))) then
      text = 'n is ' // text_of(n) // ' and y has ' // text_of(count(is_given(y))) // ' values: they must be equal'
    else if (.not. all(is_given(y(1:n)))) then
      text = 'y has a gap at ' // text_of(findloc(is_given(y), .false., dim=1))
    else
      text = range_problem(seen_min, seen_max, reference)
    end if
    if (text == '') then
      curve%x_min = x_min
      curve%x_max = x_max
      curve%seen_max = x_max
      if (is_given(seen_max)) curve%seen_max = seen_max
      curve%y = y(1:n)
      call curve_check(curve, status, text)
    end if
    if (text /= '') message = path // ': ' // text // ' (&jules_ml_curve)'
  end subroutine curve_read

  !> What is wrong with the range of the training data or the reference; empty if they can be used. All three may be absent.
  pure function range_problem(seen_min, seen_max, reference) result(text)
    real(real64), intent(in) :: seen_min, seen_max, reference   !! [units of x]
    character(len=:), allocatable :: text

    text = ''
    if (.not. (ieee_is_finite(seen_min) .and. ieee_is_finite(seen_max))) then
      text = 'seen_min or seen_max is not finite: export the curve again'
    else if (.not. ieee_is_finite(reference)) then
      text = 'reference is not finite: export the curve again'
    else if (is_given(seen_min) .and. is_given(seen_max) .and. seen_max < seen_min) then
      text = 'seen_max is below seen_min: give seen_min <= seen_max'
    end if
  end function range_problem

  !> Name of the modifier that is a function of a variable.
  pure function modifier_of(x) result(name)
    integer, intent(in) :: x                                    !! one of the X_ numbers
    character(len=:), allocatable :: name

    name = 'antecedent'
    if (x == X_T_SOIL) name = 'ftemp'
    if (x < X_T_SOIL) name = 'fsth'
  end function modifier_of

  !> Abscissa at which the training data end if the curve does not decline up to there; 0 if it declines.
  pure real(real64) function warm_end_of(curve)
    type(curve_t), intent(in) :: curve
    real(real64), parameter :: DECLINE = 0.99_real64            !! of the greatest value; less is noise of a fit
    integer :: last

    warm_end_of = 0.0_real64
    last = nint((min(curve%seen_max, curve%x_max) - curve%x_min) / (curve%x_max - curve%x_min) * (size(curve%y) - 1)) + 1
    last = max(1, min(last, size(curve%y)))
    if (curve%y(last) >= DECLINE * maxval(curve%y(:last))) warm_end_of = min(curve%seen_max, curve%x_max)
  end function warm_end_of

  !> Check whether a table can be evaluated.
  pure subroutine curve_check(curve, status, message)
    type(curve_t), intent(in) :: curve
    integer, intent(out) :: status                              !! JML_OK or JML_BAD_TABLE
    character(len=:), allocatable, intent(out) :: message       !! what is wrong; empty if the table is valid
    integer :: i
    logical, allocatable :: bad(:)

    status = JML_BAD_TABLE
    message = ''
    if (.not. allocated(curve%y)) then
      message = 'y is missing: give y(1:n)'
      return
    end if
    if (size(curve%y) < 2) then
      message = 'y has fewer than two values: give at least two'
    else if (.not. (ieee_is_finite(curve%x_min) .and. ieee_is_finite(curve%x_max))) then
      message = 'x_min or x_max is not finite'
    else if (curve%x_max <= curve%x_min) then
      message = 'x_max is not above x_min: give x_max > x_min'
    else
      bad = .not. ieee_is_finite(curve%y)
      do i = 1, size(bad)
        if (.not. bad(i)) bad(i) = curve%y(i) < 0.0_real64 .or. curve%y(i) > real(huge(1.0_real32), real64)
      end do
      if (any(bad)) then
        message = 'y(' // text_of(findloc(bad, .true., dim=1)) // &
          ') is negative, or not finite in 32 bits: values must be finite and not negative'
      else
        status = JML_OK
      end if
    end if
  end subroutine curve_check

end module jml_curve
