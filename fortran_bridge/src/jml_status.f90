!! Status codes of the bridge. Every error also stores a message, which `jml_error` returns.
module jml_status
  implicit none
  private

  integer, parameter, public :: JML_OK = 0              !! no error
  integer, parameter, public :: JML_OFF = 1             !! the hook is off in the configuration
  integer, parameter, public :: JML_BAD_CONFIG = 10     !! `jules_ml.nml` cannot be used
  integer, parameter, public :: JML_BAD_TABLE = 11      !! a curve table cannot be used
  integer, parameter, public :: JML_BAD_NET = 12        !! a dense net cannot be used
  integer, parameter, public :: JML_BAD_SHAPE = 20      !! the shapes of the arguments do not match
  integer, parameter, public :: JML_NOT_FINITE = 21     !! NaN or infinity in an argument or a result
  integer, parameter, public :: JML_NO_PYTHON = 30      !! Python cannot be started
  integer, parameter, public :: JML_PYTHON_FAILED = 31  !! Python raised an exception, or returned an invalid result
  integer, parameter, public :: JML_WRONG_THREAD = 32   !! Python was called from another thread than `jml_init`
  integer, parameter, public :: JML_BAD_STATE = 40      !! a state file cannot be written or read

end module jml_status
