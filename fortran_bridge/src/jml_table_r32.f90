!! A curve in 32-bit reals, as the kernels want it.
module jml_table_r32
  use, intrinsic :: iso_fortran_env, only: rk => real32
  implicit none
  private

  public :: table_t

  !> A function at equally spaced abscissae.
  type :: table_t
    integer :: x = 0                           !! an X_ number of `jml_curve`
    integer :: last = 0                        !! number of the last point, counted from 0
    real(rk) :: x_min = 0.0_rk, x_max = 1.0_rk !! first and last abscissa
    real(rk) :: per_step = 1.0_rk              !! one over the distance of two abscissae
    complex(rk), allocatable :: pairs(:)       !! from 0: ordinate of each point, and its increment to the next one
  end type table_t

end module jml_table_r32
