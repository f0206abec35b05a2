!! Reads `jules_ml.nml`: which hooks are on, and what serves them.
module jml_config
  use, intrinsic :: iso_fortran_env, only: real64
  use jml_namelist, only: ABSENT, ABSENT_INTEGER, beside, count_groups, folder_of, is_given, open_namelist, &
    refuse_unknown_groups, text_of, unreadable
  use jml_settings, only: settings_t, MAX_LEVELS, NAME_LENGTH, PATH_LENGTH
  use jml_status, only: JML_BAD_CONFIG, JML_OK
  implicit none
  private

  public :: config_read

  character(len=*), parameter :: RESPIRATION = 'jules_ml_respiration', PROPERTIES = 'jules_ml_properties', &
    MOISTURE = 'jules_ml_moisture', PYTHON = 'jules_ml_python'

contains

  !> Read and check the configuration. A file that is not there leaves all hooks off.
  subroutine config_read(path, settings, status, message)
    character(len=*), intent(in) :: path
    type(settings_t), intent(out) :: settings
    integer, intent(out) :: status                              !! JML_OK or JML_BAD_CONFIG
    character(len=:), allocatable, intent(out) :: message       !! names the file and the entry; empty when all is well
    logical :: there
    integer :: unit

    status = JML_OK
    message = ''
    allocate (settings%tau_hours(0), settings%levels(0))
    inquire (file=trim(path), exist=there)
    if (.not. there) return

    status = JML_BAD_CONFIG
    call open_namelist(path, unit, message)
    if (message /= '') return
    call refuse_unknown_groups(unit, trim(path), [character(len=20) :: RESPIRATION, PROPERTIES, MOISTURE, PYTHON], message)
    if (message == '') call refuse_twice(unit, message)
    if (message == '') call read_respiration(unit, settings, message)
    if (message == '') call read_properties(unit, settings, message)
    if (message == '') call read_moisture(unit, settings, message)
    if (message == '') call read_python(unit, settings, message)
    close (unit)
    if (message == '') then
      status = JML_OK
      settings%folder = folder_of(path)
      settings%fsth_table = beside(folder_of(path), settings%fsth_table)
      settings%ftemp_table = beside(folder_of(path), settings%ftemp_table)
      settings%net = beside(folder_of(path), settings%net)
      settings%static_file = beside(folder_of(path), settings%static_file)
      settings%venv = beside(folder_of(path), settings%venv)
    else if (index(message, trim(path)) /= 1) then
      message = trim(path) // ': ' // message
    end if
  end subroutine config_read

  !> Say which group stands more than once: the second would be passed over.
  subroutine refuse_twice(unit, message)
    integer, intent(in) :: unit
    character(len=:), allocatable, intent(out) :: message
    character(len=20), parameter :: groups(4) = [character(len=20) :: RESPIRATION, PROPERTIES, MOISTURE, PYTHON]
    integer :: i

    message = ''
    do i = 1, size(groups)
      if (count_groups(unit, trim(groups(i))) > 1) message = '&' // trim(groups(i)) // ' stands more than once'
    end do
  end subroutine refuse_twice

  subroutine read_respiration(unit, settings, message)
    integer, intent(in) :: unit
    type(settings_t), intent(inout) :: settings
    character(len=:), allocatable, intent(out) :: message
    character(len=32) :: backend
    character(len=PATH_LENGTH) :: fsth_table, ftemp_table, net
    character(len=NAME_LENGTH) :: python_callable
    character(len=256) :: why
    integer :: iostat
    namelist /jules_ml_respiration/ backend, fsth_table, ftemp_table, net, python_callable

    message = ''
    settings%respiration = count_groups(unit, RESPIRATION) > 0
    if (.not. settings%respiration) return
    backend = 'native'
    fsth_table = ''
    ftemp_table = ''
    net = ''
    python_callable = ''
    why = ''
    read (unit, nml=jules_ml_respiration, iostat=iostat, iomsg=why)
    if (iostat /= 0) then
      message = unreadable(RESPIRATION, iostat, why)
      return
    end if
    select case (backend)
    case ('native')
      if (python_callable /= '') then
        message = "python_callable needs backend = 'python'"
      else if (fsth_table == '' .and. ftemp_table == '' .and. net == '') then
        message = 'nothing serves it: give fsth_table and ftemp_table, or net'
      end if
    case ('python')
      if (fsth_table /= '' .or. ftemp_table /= '' .or. net /= '') then
        message = "fsth_table, ftemp_table and net need backend = 'native'"
      else
        message = callable_problem(python_callable)
      end if
    case default
      message = "backend is '" // trim(backend) // "': give 'native' or 'python'"
    end select
    if (message /= '') message = message // ' (&' // RESPIRATION // ')'
    settings%respiration_backend = backend(1:len(settings%respiration_backend))
    settings%fsth_table = fsth_table
    settings%ftemp_table = ftemp_table
    settings%net = net
    settings%respiration_callable = python_callable
  end subroutine read_respiration

  subroutine read_properties(unit, settings, message)
    integer, intent(in) :: unit
    type(settings_t), intent(inout) :: settings
    character(len=:), allocatable, intent(out) :: message
    character(len=32) :: backend
    character(len=NAME_LENGTH) :: python_callable
    character(len=PATH_LENGTH) :: static_file
    character(len=256) :: why
    integer :: every_days, iostat
    namelist /jules_ml_properties/ backend, python_callable, every_days, static_file

    message = ''
    settings%properties = count_groups(unit, PROPERTIES) > 0
    if (.not. settings%properties) return
    backend = 'python'
    python_callable = ''
    every_days = 0
    static_file = ''
    why = ''
    read (unit, nml=jules_ml_properties, iostat=iostat, iomsg=why)
    if (iostat /= 0) then
      message = unreadable(PROPERTIES, iostat, why)
      return
    end if
    if (backend /= 'python') then
      message = "backend is '" // trim(backend) // "': only 'python' serves it"
    else if (every_days < 0) then
      message = 'every_days is negative: give 0 for once at the start'
    else
      message = callable_problem(python_callable)
    end if
    if (message /= '') message = message // ' (&' // PROPERTIES // ')'
    settings%properties_backend = backend(1:len(settings%properties_backend))
    settings%properties_callable = python_callable
    settings%every_days = every_days
    settings%static_file = static_file
  end subroutine read_properties

  subroutine read_moisture(unit, settings, message)
    integer, intent(in) :: unit
    type(settings_t), intent(inout) :: settings
    character(len=:), allocatable, intent(out) :: message
    character(len=32) :: backend, mode, every
    character(len=NAME_LENGTH) :: python_callable
    character(len=256) :: why
    real(real64) :: tau_hours(MAX_LEVELS)
    integer :: levels(MAX_LEVELS), n_tau, n_levels, iostat
    namelist /jules_ml_moisture/ backend, python_callable, mode, tau_hours, levels, every

    message = ''
    settings%moisture = count_groups(unit, MOISTURE) > 0
    if (.not. settings%moisture) return
    backend = 'python'
    python_callable = ''
    mode = ''
    every = 'day'
    tau_hours = ABSENT
    levels = ABSENT_INTEGER
    why = ''
    read (unit, nml=jules_ml_moisture, iostat=iostat, iomsg=why)
    if (iostat /= 0) then
      message = unreadable(MOISTURE, iostat, why)
      return
    end if
    n_tau = count(is_given(tau_hours))
    n_levels = count(is_given(levels))
    if (backend /= 'python') then
      message = "backend is '" // trim(backend) // "': only 'python' serves it"
    else if (mode == '') then
      message = "mode is missing: give 'replace' or 'nudge'"
    else if (mode /= 'replace' .and. mode /= 'nudge') then
      message = "mode is '" // trim(mode) // "': give 'replace' or 'nudge'"
    else if (every /= 'day' .and. every /= 'step') then
      message = "every is '" // trim(every) // "': give 'day' or 'step'"
    else if (.not. (all(is_given(tau_hours(1:n_tau))) .and. all(is_given(levels(1:n_levels))))) then
      message = 'tau_hours or levels has a gap'
    else if (mode == 'nudge' .and. n_tau == 0) then
      message = 'tau_hours is missing: nudging needs a time scale'
    else if (mode == 'replace' .and. n_tau > 0) then
      message = "tau_hours needs mode = 'nudge'"
    else if (.not. all(tau_hours(1:n_tau) > 0.0_real64)) then
      message = 'tau_hours must be positive'
    else if (any(levels(1:n_levels) < 1)) then
      message = 'levels are counted from 1'
    else if (n_levels > 0 .and. n_tau > 1 .and. n_tau /= n_levels) then
      message = 'tau_hours has ' // text_of(n_tau) // ' values for ' // text_of(n_levels) // ' levels: give one, or one for each'
    else
      message = callable_problem(python_callable)
    end if
    if (message /= '') message = message // ' (&' // MOISTURE // ')'
    settings%moisture_backend = backend(1:len(settings%moisture_backend))
    settings%moisture_callable = python_callable
    settings%mode = mode(1:len(settings%mode))
    settings%every = every(1:len(settings%every))
    settings%tau_hours = tau_hours(1:n_tau)
    settings%levels = levels(1:n_levels)
  end subroutine read_moisture

  subroutine read_python(unit, settings, message)
    integer, intent(in) :: unit
    type(settings_t), intent(inout) :: settings
    character(len=:), allocatable, intent(out) :: message
    character(len=PATH_LENGTH) :: venv, libpython
    character(len=256) :: why
    integer :: threads, iostat
    namelist /jules_ml_python/ venv, libpython, threads

    message = ''
    if (count_groups(unit, PYTHON) == 0) return
    venv = ''
    libpython = ''
    threads = 1
    why = ''
    read (unit, nml=jules_ml_python, iostat=iostat, iomsg=why)
    if (iostat /= 0) then
      message = unreadable(PYTHON, iostat, why)
      return
    end if
    if (threads < 1) message = 'threads must be at least 1 (&' // PYTHON // ')'
    settings%venv = venv
    settings%libpython = libpython
    settings%threads = threads
  end subroutine read_python

  !> What is wrong with the name of a Python callable; empty when nothing is.
  function callable_problem(name) result(message)
    character(len=*), intent(in) :: name
    character(len=:), allocatable :: message
    integer :: colon

    colon = index(name, ':')
    message = ''
    if (name == '') then
      message = "python_callable is missing: give 'module:function'"
    else if (colon < 2 .or. colon == len_trim(name)) then
      message = "python_callable is '" // trim(name) // "': give 'module:function'"
    end if
  end function callable_problem

end module jml_config
