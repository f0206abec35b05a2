!! Status codes of the bridge; every failure also leaves a sentence that `jml_error` returns.
module jml_status
  implicit none
  private

  integer, parameter, public :: JML_OK = 0              !! done
  integer, parameter, public :: JML_OFF = 1             !! asked of a hook that the configuration leaves off
  integer, parameter, public :: JML_BAD_CONFIG = 10     !! `jules_ml.nml` cannot be used
  integer, parameter, public :: JML_BAD_TABLE = 11      !! a curve table cannot be used
  integer, parameter, public :: JML_BAD_NET = 12        !! a dense net cannot be used
  integer, parameter, public :: JML_BAD_SHAPE = 20      !! arguments whose shapes disagree
  integer, parameter, public :: JML_NOT_FINITE = 21     !! NaN or infinity in an argument or a result
  integer, parameter, public :: JML_NO_PYTHON = 30      !! the interpreter cannot be had
  integer, parameter, public :: JML_PYTHON_FAILED = 31  !! Python could not import, raised, or gave back what cannot be used
  integer, parameter, public :: JML_WRONG_THREAD = 32   !! Python asked for from another thread than the one of `jml_init`
  integer, parameter, public :: JML_BAD_STATE = 40      !! a state file cannot be written or read

end module jml_status
