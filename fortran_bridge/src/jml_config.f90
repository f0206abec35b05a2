!! Reads `jules_ml.nml`: which hooks are on, and which tables, nets or Python callables they use.
module jml_config
  use, intrinsic :: iso_fortran_env, only: real64
  use jml_namelist, only: ABSENT, ABSENT_INTEGER, beside, count_groups, folder_of, is_given, open_namelist, &
    refuse_unknown_groups, text_of, unreadable
  use jml_settings, only: settings_t, ANTECEDENT_DRIVERS, MAX_LEVELS, MAX_PLACES, NAME_LENGTH, &
    PATH_LENGTH
  use jml_status, only: JML_BAD_CONFIG, JML_OK
  implicit none
  private

  public :: config_read

  character(len=*), parameter :: GENERAL = 'jules_ml', RESPIRATION = 'jules_ml_respiration', &
    PROPERTIES = 'jules_ml_properties', MOISTURE = 'jules_ml_moisture', PYTHON = 'jules_ml_python', &
    LEDGER = 'jules_ml_ledger'
  integer, parameter :: MAX_ANTECEDENT = 20                  !! most antecedent drivers that can be read
  character(len=*), parameter :: GROUPS(6) = [character(len=20) :: GENERAL, RESPIRATION, PROPERTIES, MOISTURE, LEDGER, PYTHON]

contains

  !> Read and check the configuration. If the file does not exist, all hooks are off.
  subroutine config_read(path, settings, status, message)
    character(len=*), intent(in) :: path
    type(settings_t), intent(out) :: settings
    integer, intent(out) :: status                              !! JML_OK or JML_BAD_CONFIG
    character(len=:), allocatable, intent(out) :: message       !! names the file and the entry; empty if there is no error
    logical :: exists
    integer :: unit, i

    status = JML_OK
    message = ''
    allocate (settings%tau_hours(0), settings%levels(0), settings%antecedent(0), settings%antecedent_tables(0), &
      settings%ledger_latitude(0), settings%ledger_longitude(0))
    inquire (file=trim(path), exist=exists)
    if (.not. exists) return

    status = JML_BAD_CONFIG
    call open_namelist(path, unit, message)
    if (message /= '') return
    call refuse_unknown_groups(unit, trim(path), GROUPS, message)
    do i = 1, size(GROUPS)
      if (message == '') call read_group(unit, trim(GROUPS(i)), settings, message)
    end do
    close (unit)
    if (message == '') then
      status = JML_OK
      settings%folder = folder_of(path)
      settings%fsth_table = beside(folder_of(path), settings%fsth_table)
      settings%ftemp_table = beside(folder_of(path), settings%ftemp_table)
      settings%net = beside(folder_of(path), settings%net)
      do i = 1, size(settings%antecedent_tables)
        settings%antecedent_tables(i) = beside(folder_of(path), settings%antecedent_tables(i))
      end do
      settings%regions = beside(folder_of(path), settings%regions)
      settings%static_file = beside(folder_of(path), settings%static_file)
      settings%venv = beside(folder_of(path), settings%venv)
    else if (index(message, trim(path)) /= 1) then
      message = trim(path) // ': ' // message
    end if
  end subroutine config_read

  !> Read one group into the settings. A group that is not in the file changes nothing.
  subroutine read_group(unit, group, settings, message)
    integer, intent(in) :: unit
    character(len=*), intent(in) :: group                       !! one of GROUPS
    type(settings_t), intent(inout) :: settings
    character(len=:), allocatable, intent(out) :: message       !! names the entry; empty if there is no error
    character(len=256) :: why
    integer :: iostat

    message = ''
    select case (count_groups(unit, group))
    case (0)
      return
    case (2:)
      message = '&' // group // ' is given more than once: keep one of them'
      return
    end select
    why = ''
    select case (group)
    case (GENERAL); call read_general(unit, settings, message, iostat, why)
    case (RESPIRATION); call read_respiration(unit, settings, message, iostat, why)
    case (PROPERTIES); call read_properties(unit, settings, message, iostat, why)
    case (MOISTURE); call read_moisture(unit, settings, message, iostat, why)
    case (LEDGER); call read_ledger(unit, settings, message, iostat, why)
    case (PYTHON); call read_python(unit, settings, message, iostat, why)
    end select
    if (iostat /= 0) then
      message = unreadable(group, iostat, why)
    else if (message /= '') then
      message = message // ' (&' // group // ')'
    end if
  end subroutine read_group

  !> Settings of the library as a whole.
  subroutine read_general(unit, settings, message, iostat, why)
    integer, intent(in) :: unit
    type(settings_t), intent(inout) :: settings
    character(len=:), allocatable, intent(out) :: message       !! what is wrong; empty if there is no error
    integer, intent(out) :: iostat                              !! of the reading
    character(len=*), intent(inout) :: why                      !! reason of the compiler's runtime if iostat is not 0
    logical :: reproducible
    namelist /jules_ml/ reproducible

    message = ''
    reproducible = .false.
    read (unit, nml=jules_ml, iostat=iostat, iomsg=why)
    if (iostat /= 0) return
    settings%reproducible = reproducible
  end subroutine read_general

  !> Settings of the respiration hook.
  subroutine read_respiration(unit, settings, message, iostat, why)
    integer, intent(in) :: unit
    type(settings_t), intent(inout) :: settings
    character(len=:), allocatable, intent(out) :: message       !! what is wrong; empty if there is no error
    integer, intent(out) :: iostat                              !! of the reading
    character(len=*), intent(inout) :: why                      !! reason of the compiler's runtime if iostat is not 0
    character(len=32) :: backend
    character(len=PATH_LENGTH) :: fsth_table, ftemp_table, net
    character(len=NAME_LENGTH) :: python_callable
    character(len=NAME_LENGTH) :: antecedent(MAX_ANTECEDENT)
    character(len=PATH_LENGTH) :: antecedent_tables(MAX_ANTECEDENT)
    namelist /jules_ml_respiration/ backend, fsth_table, ftemp_table, net, python_callable, antecedent, antecedent_tables

    message = ''
    backend = 'native'
    fsth_table = ''
    ftemp_table = ''
    net = ''
    python_callable = ''
    antecedent = ''
    antecedent_tables = ''
    read (unit, nml=jules_ml_respiration, iostat=iostat, iomsg=why)
    if (iostat /= 0) return
    select case (backend)
    case ('native')
      if (python_callable /= '') then
        message = "python_callable is for backend = 'python' only: remove it, or set backend = 'python'"
      else if (fsth_table == '' .and. ftemp_table == '' .and. net == '') then
        message = 'there is no table and no net: give fsth_table and ftemp_table, or net'
      end if
    case ('python')
      if (fsth_table /= '' .or. ftemp_table /= '' .or. net /= '') then
        message = "fsth_table, ftemp_table and net are for backend = 'native' only: remove them, or set backend = 'native'"
      else
        message = callable_problem(python_callable)
      end if
    case default
      message = "backend is '" // trim(backend) // "': give 'native' or 'python'"
    end select
    if (message == '') call read_antecedent(antecedent, antecedent_tables, settings, message)
    settings%respiration = .true.
    settings%respiration_backend = backend(1:len(settings%respiration_backend))
    settings%fsth_table = fsth_table
    settings%ftemp_table = ftemp_table
    settings%net = net
    settings%respiration_callable = python_callable
  end subroutine read_respiration

  !> Antecedent drivers of respiration and their tables.
  subroutine read_antecedent(names, tables, settings, message)
    character(len=*), intent(in) :: names(:), tables(:)         !! entries of the namelist, '' where they are not given
    type(settings_t), intent(inout) :: settings
    character(len=:), allocatable, intent(out) :: message       !! what is wrong; empty if there is no error
    integer :: drivers(size(names)), k, n

    message = ''
    n = count(names /= '')
    if (n /= count(tables /= '')) then
      message = 'antecedent has ' // text_of(n) // ' drivers and antecedent_tables ' // text_of(count(tables /= '')) // &
        ' files: give one table for each driver, in the same order'
    else if (any(names(1:n) == '') .or. any(tables(1:n) == '')) then
      message = 'antecedent or antecedent_tables has a gap: give its values without empty places'
    end if
    do k = 1, n
      if (message /= '') return
      drivers(k) = findloc(ANTECEDENT_DRIVERS == names(k), .true., dim=1)
      if (drivers(k) == 0) then
        message = "antecedent names '" // trim(names(k)) // "', which is not a driver: give " // &
          list_of(ANTECEDENT_DRIVERS)
      else if (any(drivers(1:k - 1) == drivers(k))) then
        message = "antecedent names '" // trim(names(k)) // "' more than once: keep one of them"
      end if
    end do
    settings%antecedent = drivers(1:n)
    settings%antecedent_tables = tables(1:n)
  end subroutine read_antecedent

  !> Names on one line, separated by commas.
  pure function list_of(names) result(text)
    character(len=*), intent(in) :: names(:)
    character(len=:), allocatable :: text
    integer :: k

    text = trim(names(1))
    do k = 2, size(names)
      text = text // ', ' // trim(names(k))
    end do
  end function list_of

  !> Settings of the soil property hook.
  subroutine read_properties(unit, settings, message, iostat, why)
    integer, intent(in) :: unit
    type(settings_t), intent(inout) :: settings
    character(len=:), allocatable, intent(out) :: message       !! what is wrong; empty if there is no error
    integer, intent(out) :: iostat                              !! of the reading
    character(len=*), intent(inout) :: why                      !! reason of the compiler's runtime if iostat is not 0
    character(len=32) :: backend
    character(len=NAME_LENGTH) :: python_callable
    character(len=PATH_LENGTH) :: static_file
    integer :: every_days
    namelist /jules_ml_properties/ backend, python_callable, every_days, static_file

    message = ''
    backend = 'python'
    python_callable = ''
    every_days = 0
    static_file = ''
    read (unit, nml=jules_ml_properties, iostat=iostat, iomsg=why)
    if (iostat /= 0) return
    if (backend /= 'python') then
      message = "backend is '" // trim(backend) // "': give 'python', the only backend of this hook"
    else if (every_days < 0) then
      message = 'every_days is negative: give 0 for a call at the start only'
    else
      message = callable_problem(python_callable)
    end if
    settings%properties = .true.
    settings%properties_backend = backend(1:len(settings%properties_backend))
    settings%properties_callable = python_callable
    settings%every_days = every_days
    settings%static_file = static_file
  end subroutine read_properties

  !> Settings of the soil moisture hook.
  subroutine read_moisture(unit, settings, message, iostat, why)
    integer, intent(in) :: unit
    type(settings_t), intent(inout) :: settings
    character(len=:), allocatable, intent(out) :: message       !! what is wrong; empty if there is no error
    integer, intent(out) :: iostat                              !! of the reading
    character(len=*), intent(inout) :: why                      !! reason of the compiler's runtime if iostat is not 0
    character(len=32) :: backend, mode, every
    character(len=NAME_LENGTH) :: python_callable
    real(real64) :: tau_hours(MAX_LEVELS)
    integer :: levels(MAX_LEVELS), n_tau, n_levels
    namelist /jules_ml_moisture/ backend, python_callable, mode, tau_hours, levels, every

    message = ''
    backend = 'python'
    python_callable = ''
    mode = ''
    every = 'day'
    tau_hours = ABSENT
    levels = ABSENT_INTEGER
    read (unit, nml=jules_ml_moisture, iostat=iostat, iomsg=why)
    if (iostat /= 0) return
    n_tau = count(is_given(tau_hours))
    n_levels = count(is_given(levels))
    if (backend /= 'python') then
      message = "backend is '" // trim(backend) // "': give 'python', the only backend of this hook"
    else if (mode == '') then
      message = "mode is missing: give 'replace' or 'nudge'"
    else if (mode /= 'replace' .and. mode /= 'nudge') then
      message = "mode is '" // trim(mode) // "': give 'replace' or 'nudge'"
    else if (every /= 'day' .and. every /= 'step') then
      message = "every is '" // trim(every) // "': give 'day' or 'step'"
    else if (.not. (all(is_given(tau_hours(1:n_tau))) .and. all(is_given(levels(1:n_levels))))) then
      message = 'tau_hours or levels has a gap: give its values without empty places'
    else if (mode == 'nudge' .and. n_tau == 0) then
      message = "tau_hours is missing: give the time scale of mode = 'nudge'"
    else if (mode == 'replace' .and. n_tau > 0) then
      message = "tau_hours is for mode = 'nudge' only: remove it, or set mode = 'nudge'"
    else if (.not. all(tau_hours(1:n_tau) > 0.0_real64)) then
      message = 'tau_hours has a value that is not positive: give hours above 0'
    else if (any(levels(1:n_levels) < 1)) then
      message = 'levels has a value below 1: level 1 is the top layer'
    else if (n_levels > 0 .and. n_tau > 1 .and. n_tau /= n_levels) then
      message = 'tau_hours has ' // text_of(n_tau) // ' values for ' // text_of(n_levels) // &
        ' levels: give one value, or one for each level'
    else
      message = callable_problem(python_callable)
    end if
    settings%moisture = .true.
    settings%moisture_backend = backend(1:len(settings%moisture_backend))
    settings%moisture_callable = python_callable
    settings%mode = mode(1:len(settings%mode))
    settings%every = every(1:len(settings%every))
    settings%tau_hours = tau_hours(1:n_tau)
    settings%levels = levels(1:n_levels)
  end subroutine read_moisture

  !> Settings of the ledger of increments.
  subroutine read_ledger(unit, settings, message, iostat, why)
    integer, intent(in) :: unit
    type(settings_t), intent(inout) :: settings
    character(len=:), allocatable, intent(out) :: message       !! what is wrong; empty if there is no error
    integer, intent(out) :: iostat                              !! of the reading
    character(len=*), intent(inout) :: why                      !! reason of the compiler's runtime if iostat is not 0
    character(len=32) :: content
    character(len=PATH_LENGTH) :: regions
    real(real64) :: latitude(MAX_PLACES), longitude(MAX_PLACES)
    integer :: n, n_longitude
    namelist /jules_ml_ledger/ content, regions, latitude, longitude

    message = ''
    content = 'auto'
    regions = ''
    latitude = ABSENT
    longitude = ABSENT
    read (unit, nml=jules_ml_ledger, iostat=iostat, iomsg=why)
    if (iostat /= 0) return
    n = count(is_given(latitude))
    n_longitude = count(is_given(longitude))
    if (.not. any(content == [character(len=6) :: 'auto', 'off', 'sums', 'points', 'full'])) then
      message = "content is '" // trim(content) // "': give 'auto', 'off', 'sums', 'points' or 'full'"
    else if (regions /= '' .and. content /= 'sums') then
      message = "regions is for content = 'sums' only: remove it, or set content = 'sums'"
    else if (n + n_longitude > 0 .and. content /= 'points') then
      message = "latitude and longitude are for content = 'points' only: remove them, or set content = 'points'"
    else if (n /= n_longitude .or. .not. (all(is_given(latitude(1:n))) .and. all(is_given(longitude(1:n))))) then
      message = 'latitude has ' // text_of(n) // ' values and longitude ' // text_of(n_longitude) // &
        ': give both for each point, without empty places'
    end if
    settings%ledger = content(1:len(settings%ledger))
    settings%regions = regions
    settings%ledger_latitude = latitude(1:n)
    settings%ledger_longitude = longitude(1:min(n, n_longitude))
  end subroutine read_ledger

  !> Settings of the embedded Python.
  subroutine read_python(unit, settings, message, iostat, why)
    integer, intent(in) :: unit
    type(settings_t), intent(inout) :: settings
    character(len=:), allocatable, intent(out) :: message       !! what is wrong; empty if there is no error
    integer, intent(out) :: iostat                              !! of the reading
    character(len=*), intent(inout) :: why                      !! reason of the compiler's runtime if iostat is not 0
    character(len=PATH_LENGTH) :: venv, libpython
    integer :: threads
    namelist /jules_ml_python/ venv, libpython, threads

    message = ''
    venv = ''
    libpython = ''
    threads = 1
    read (unit, nml=jules_ml_python, iostat=iostat, iomsg=why)
    if (iostat /= 0) return
    if (threads < 1) message = 'threads is less than 1: give at least 1'
    settings%venv = venv
    settings%libpython = libpython
    settings%threads = threads
  end subroutine read_python

  !> What is wrong with the name of a Python callable; empty if it is correct.
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
