!! The handle of the library: the configuration that `jml_init` read, and the tables and nets that it prepared.
module jml_handle
  use, intrinsic :: iso_fortran_env, only: real64
  use jml_antecedent, only: antecedent_prepare, antecedent_t
  use jml_config, only: config_read
  use jml_curve, only: curve_read, curve_t, warm_end_of
  use jml_message, only: fail, message_of
  use jml_native_r32, only: native_r32_t => native_t, native_of_r32 => native_of, READS_V_CRIT
  use jml_native_r64, only: native_r64_t => native_t, native_of_r64 => native_of
  use jml_net, only: net_read, net_t, OUT_FSTH, OUT_FTEMP, OUT_JOINT
  use jml_python, only: c_text, python_bind, python_close, python_read_state, python_start, python_write_state, &
    SLOT_MOISTURE, SLOT_PROPERTIES, SLOT_RESPIRATION
  use jml_settings, only: settings_t
  use jml_status, only: JML_BAD_CONFIG, JML_NOT_FINITE, JML_OK
  implicit none
  private

  public :: handle, native_r32, native_r64
  public :: jml_init, jml_enabled, jml_settings_of, jml_kernels, jml_needs_v_crit, jml_warm_end, &
    jml_antecedent_factor, jml_state_write, jml_state_read, jml_error, jml_finalise

  !> The configuration.
  type :: handle_t
    type(settings_t) :: settings
    real(real64) :: warm_end = 0.0_real64       !! see jml_warm_end [K]
  end type handle_t

  type(handle_t), save, protected :: handle
  type(antecedent_t), save, protected :: antecedent   !! curves of antecedent drivers
  type(native_r32_t), save, protected :: native_r32   !! its tables and nets in 32-bit reals
  type(native_r64_t), save, protected :: native_r64   !! its tables and nets in 64-bit reals

contains

  !> Read the configuration, and prepare everything that it names. If the file does not exist, all hooks are off.
  subroutine jml_init(config_path, ierr)
    character(len=*), intent(in) :: config_path   !! path of `jules_ml.nml`
    integer, intent(out) :: ierr
    type(settings_t) :: settings
    character(len=:), allocatable :: message

    call jml_finalise(ierr)
    if (ierr /= JML_OK) return
    call config_read(config_path, settings, ierr, message)
    if (ierr == JML_OK .and. settings%respiration_backend == 'native') call prepare_native(settings, ierr, message)
    if (ierr == JML_OK) call antecedent_prepare(settings, antecedent, ierr, message)
    if (ierr /= JML_OK) then
      ierr = fail(ierr, message)
      return
    end if
    call bind_python(settings, ierr)
    if (ierr == JML_OK) handle%settings = settings
  end subroutine jml_init

  !> Read the tables and the net, and check that each modifier has exactly one source.
  subroutine prepare_native(settings, status, message)
    type(settings_t), intent(in) :: settings
    integer, intent(out) :: status
    character(len=:), allocatable, intent(out) :: message
    type(curve_t), allocatable :: fsth_curve, ftemp_curve
    type(net_t), allocatable :: net
    integer :: fsth_sources, ftemp_sources

    status = JML_OK
    message = ''
    fsth_sources = 0
    ftemp_sources = 0
    if (settings%fsth_table /= '') then
      allocate (fsth_curve)
      call curve_read(trim(settings%fsth_table), 'fsth', fsth_curve, status, message)
      if (status /= JML_OK) return
      fsth_sources = fsth_sources + 1
    end if
    if (settings%ftemp_table /= '') then
      allocate (ftemp_curve)
      call curve_read(trim(settings%ftemp_table), 'ftemp', ftemp_curve, status, message)
      if (status /= JML_OK) return
      ftemp_sources = ftemp_sources + 1
    end if
    if (settings%net /= '') then
      allocate (net)
      call net_read(trim(settings%net), net, status, message)
      if (status /= JML_OK) return
      fsth_sources = fsth_sources + count(net%outputs == OUT_FSTH .or. net%outputs == OUT_JOINT)
      ftemp_sources = ftemp_sources + count(net%outputs == OUT_FTEMP .or. net%outputs == OUT_JOINT)
    end if
    call check_sources('fsth', fsth_sources, status, message)
    if (status == JML_OK) call check_sources('ftemp', ftemp_sources, status, message)
    if (status /= JML_OK) return
    if (allocated(ftemp_curve)) handle%warm_end = warm_end_of(ftemp_curve)
    native_r32 = native_of_r32(fsth_curve, ftemp_curve, net, settings%reproducible)
    native_r64 = native_of_r64(fsth_curve, ftemp_curve, net, settings%reproducible)
  end subroutine prepare_native

  !> Check that a modifier comes from one table or from one output of the net.
  pure subroutine check_sources(modifier, sources, status, message)
    character(len=*), intent(in) :: modifier      !! 'fsth' or 'ftemp'
    integer, intent(in) :: sources
    integer, intent(out) :: status
    character(len=:), allocatable, intent(out) :: message

    status = JML_BAD_CONFIG
    message = ''
    if (sources == 0) then
      message = modifier // ' has no source: give ' // modifier // '_table, or a net with that output (&jules_ml_respiration)'
    else if (sources > 1) then
      message = modifier // ' has two sources: remove ' // modifier // '_table or the net (&jules_ml_respiration)'
    else
      status = JML_OK
    end if
  end subroutine check_sources

  !> Start Python and bind the callables, if any hook uses Python.
  subroutine bind_python(settings, ierr)
    type(settings_t), intent(in) :: settings
    integer, intent(out) :: ierr
    logical :: respiration

    ierr = JML_OK
    respiration = settings%respiration .and. settings%respiration_backend == 'python'
    if (.not. (respiration .or. settings%properties .or. settings%moisture)) return
    ierr = python_start(c_text(settings%venv), c_text(settings%libpython), c_text(settings%folder), settings%threads)
    if (ierr == JML_OK .and. respiration) &
      ierr = python_bind(SLOT_RESPIRATION, c_text(settings%respiration_callable), c_text(''))
    if (ierr == JML_OK .and. settings%properties) &
      ierr = python_bind(SLOT_PROPERTIES, c_text(settings%properties_callable), c_text(settings%static_file))
    if (ierr == JML_OK .and. settings%moisture) &
      ierr = python_bind(SLOT_MOISTURE, c_text(settings%moisture_callable), c_text(''))
  end subroutine bind_python

  !> Whether a hook is on.
  logical function jml_enabled(what) result(enabled)
    character(len=*), intent(in) :: what          !! 'respiration', 'properties' or 'moisture'

    select case (what)
    case ('respiration'); enabled = handle%settings%respiration
    case ('properties'); enabled = handle%settings%properties
    case ('moisture'); enabled = handle%settings%moisture
    case default; enabled = .false.
    end select
  end function jml_enabled

  !> The settings read by `jml_init`.
  function jml_settings_of() result(copy)
    type(settings_t) :: copy

    copy = handle%settings
  end function jml_settings_of

  !> Name of the kernels that the native backend runs: 'base', 'x86-64-v3' or 'x86-64-v4'; empty if it serves no hook.
  function jml_kernels() result(name)
    character(len=:), allocatable :: name

    name = trim(native_r32%kernels%name)
  end function jml_kernels

  !> Whether respiration needs the critical point: a table or a net with this input. Python gets it where the host has it.
  logical function jml_needs_v_crit() result(needed)
    needed = native_r32%reads(READS_V_CRIT)
  end function jml_needs_v_crit

  !> Temperature at which the data of the table of g end, if g does not decline up to there [K]; 0 if it declines, or is no table.
  real(real64) function jml_warm_end() result(temperature)
    temperature = handle%warm_end
  end function jml_warm_end

  !> The factor of respiration from its antecedent drivers, which the host calculates; 1 if the configuration has none.
  subroutine jml_antecedent_factor(drivers, factor, ierr)
    real(real64), intent(in), contiguous :: drivers(:, :)   !! (points, drivers), in the order and units of the configuration
    real(real64), intent(out) :: factor(:)        !! product of the curves of the drivers [1], (points)
    integer, intent(out) :: ierr
    logical :: finite

    ierr = JML_OK
    call antecedent%evaluate(drivers, factor, finite)
    if (.not. finite) ierr = fail(JML_NOT_FINITE, 'wetness, soil temperature or air temperature is not finite at a soil ' // &
      'point, and the antecedent drivers need them: check the forcing and the initial state')
  end subroutine jml_antecedent_factor

  !> Write the history of the moisture module to a file beside a dump. Without a moisture module this does nothing.
  subroutine jml_state_write(path, ierr)
    character(len=*), intent(in) :: path
    integer, intent(out) :: ierr

    ierr = JML_OK
    if (handle%settings%moisture) ierr = python_write_state(c_text(path))
  end subroutine jml_state_write

  !> Read the file that `jml_state_write` wrote.
  subroutine jml_state_read(path, ierr)
    character(len=*), intent(in) :: path
    integer, intent(out) :: ierr

    ierr = JML_OK
    if (handle%settings%moisture) ierr = python_read_state(c_text(path))
  end subroutine jml_state_read

  !> The message of the last error in this thread.
  subroutine jml_error(text)
    character(len=*), intent(out) :: text

    text = message_of()
  end subroutine jml_error

  !> Release everything that `jml_init` prepared; `jml_init` may be called again. Python, once started, runs until the
  !> program ends.
  subroutine jml_finalise(ierr)
    integer, intent(out) :: ierr
    ! with initial values; `handle_t()` is not standard Fortran where only components of a component have them
    type(handle_t) :: initial_handle
    type(antecedent_t) :: initial_antecedent
    type(native_r32_t) :: initial_r32
    type(native_r64_t) :: initial_r64

    handle = initial_handle
    antecedent = initial_antecedent
    native_r32 = initial_r32
    native_r64 = initial_r64
    ierr = python_close()
  end subroutine jml_finalise

end module jml_handle
