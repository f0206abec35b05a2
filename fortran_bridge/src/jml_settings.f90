!! The settings of `jules_ml.nml`.
module jml_settings
  use, intrinsic :: iso_fortran_env, only: real64
  implicit none
  private

  public :: settings_t

  integer, parameter, public :: PATH_LENGTH = 1024   !! longest path in a namelist [characters]
  integer, parameter, public :: NAME_LENGTH = 256    !! longest name of a Python callable [characters]
  integer, parameter, public :: N_FORCING = 9        !! forcing of a moisture module: rain, snow, sw, lw, t, q, wind, pstar, vpd
  integer, parameter, public :: MAX_LEVELS = 100     !! largest number of soil levels in a namelist
  integer, parameter, public :: MAX_PLACES = 1000    !! largest number of points in a namelist

  !> Antecedent drivers of respiration: departures of wetness [1] and of temperature [K] of the respiring layer from their
  !> exponential means over 1 and 10 days, and air temperature minus that of the layer [K].
  character(len=*), parameter, public :: ANTECEDENT_DRIVERS(5) = [character(len=15) :: &
    'wetness_1d', 'wetness_10d', 'temperature_1d', 'temperature_10d', 'air_temperature']

  !> The settings of `jules_ml.nml`. A hook is on if its group is in the file.
  type :: settings_t
    character(len=PATH_LENGTH) :: folder = ''         !! folder of the file with its last slash, or ''; relative paths start here
    logical :: reproducible = .false.                 !! the native backend gives the same bits on every processor

    logical :: respiration = .false.                  !! &jules_ml_respiration is in the file
    character(len=8) :: respiration_backend = ''      !! 'native' or 'python'
    character(len=PATH_LENGTH) :: fsth_table = ''     !! curve table of f(wetness), or ''
    character(len=PATH_LENGTH) :: ftemp_table = ''    !! curve table of g(temperature), or ''
    character(len=PATH_LENGTH) :: net = ''            !! dense net that replaces one table or both, or ''
    character(len=NAME_LENGTH) :: respiration_callable = ''
    integer, allocatable :: antecedent(:)             !! drivers whose curves multiply f, as indices of ANTECEDENT_DRIVERS
    character(len=PATH_LENGTH), allocatable :: antecedent_tables(:)   !! curve table of each of `antecedent`

    logical :: properties = .false.                   !! &jules_ml_properties is in the file
    character(len=8) :: properties_backend = ''       !! 'python'
    character(len=NAME_LENGTH) :: properties_callable = ''
    integer :: every_days = 0                         !! days between calls; 0: at the start only
    character(len=PATH_LENGTH) :: static_file = ''    !! .npz of static inputs by name, or ''

    logical :: moisture = .false.                     !! &jules_ml_moisture is in the file
    character(len=8) :: moisture_backend = ''         !! 'python'
    character(len=NAME_LENGTH) :: moisture_callable = ''
    character(len=8) :: mode = ''                     !! 'replace' or 'nudge'
    character(len=8) :: every = ''                    !! 'day' or 'step'
    real(real64), allocatable :: tau_hours(:)         !! time scale of nudging [h]: one for each of `levels`, or one for all
    integer, allocatable :: levels(:)                 !! soil levels to change, from 1 at the top; size 0: all

    character(len=8) :: ledger = 'auto'               !! 'auto', 'off', 'sums', 'points' or 'full'
    character(len=PATH_LENGTH) :: regions = ''        !! file of the regions of 'sums', or '': all points are one region
    real(real64), allocatable :: ledger_latitude(:), ledger_longitude(:)   !! of 'points' [degrees]; size 0: all points

    character(len=PATH_LENGTH) :: venv = ''           !! virtual or conda environment, or ''
    character(len=PATH_LENGTH) :: libpython = ''      !! shared library of Python; '': from `venv`
    integer :: threads = 1                            !! threads that torch may use
  end type settings_t

end module jml_settings
