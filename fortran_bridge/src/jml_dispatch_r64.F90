!! Picks the kernels in 64-bit reals that suit the processor.
module jml_dispatch_r64
  use, intrinsic :: iso_c_binding, only: c_int
  use jml_kernels_r64_base, only: look_up_base => look_up, dense_block_base => dense_block, &
    dense_point_base => dense_point, all_finite_base => all_finite, look_up_both_base => look_up_both
#ifdef JML_X86_64_LEVELS
  use jml_kernels_r64_v3, only: look_up_v3 => look_up, dense_block_v3 => dense_block, &
    dense_point_v3 => dense_point, all_finite_v3 => all_finite, look_up_both_v3 => look_up_both
  use jml_kernels_r64_v4, only: look_up_v4 => look_up, dense_block_v4 => dense_block, &
    dense_point_v4 => dense_point, all_finite_v4 => all_finite, look_up_both_v4 => look_up_both
#endif
  implicit none
  private

  public :: kernels_t, best_kernels

  !> One set of kernels; what each does is said in `kernels/`.
  type :: kernels_t
    procedure(look_up_base), pointer, nopass :: look_up => null()
    procedure(look_up_both_base), pointer, nopass :: look_up_both => null()
    procedure(dense_block_base), pointer, nopass :: dense_block => null()
    procedure(dense_point_base), pointer, nopass :: dense_point => null()
    procedure(all_finite_base), pointer, nopass :: all_finite => null()
  end type kernels_t

  interface
    !> Level of the x86-64 instruction set, 1 to 4; 0 on any other processor.
    integer(c_int) function cpu_level() bind(c, name='jml_cpu_level')
      import :: c_int
    end function cpu_level
  end interface

contains

#include "jml_dispatch_body.inc"

end module jml_dispatch_r64
