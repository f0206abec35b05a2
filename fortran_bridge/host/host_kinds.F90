!! The kind of real of the host, with JULES's name.
module um_types
  use, intrinsic :: iso_fortran_env, only: real32, real64
  implicit none
  private

#if defined(JML_HOST_REAL64)
  integer, parameter, public :: real_jlslsm = real64
#else
  integer, parameter, public :: real_jlslsm = real32
#endif

end module um_types
