!! The native backend in 64-bit reals: tables and nets made ready, and put to work.
module jml_native_r64
  use, intrinsic :: iso_fortran_env, only: real64, rk => real64
  use jml_curve, only: curve_t, X_STHU, X_STH, X_THETA, X_T_SOIL
  use jml_dispatch_r64, only: best_kernels, kernels_t
  use jml_net, only: net_t, BLOCK, IN_STHU, IN_STHF, IN_STH, IN_THETA, IN_V_SAT, IN_V_WILT, IN_T_SOIL, OUT_FTEMP, OUT_JOINT
  use jml_table_r64, only: table_t
  implicit none
  private

  public :: native_t, native_of, factors

  integer, parameter, public :: READS_STHU = 1, READS_STHF = 2, READS_V_SAT = 3, READS_V_WILT = 4, READS_T_SOIL = 5

  integer, parameter :: CHUNK = 1024           !! points that go through together; a multiple of BLOCK
  integer, parameter :: FEW = 8                !! up to so many points one after the other are faster than a block

  !> A layer as the kernels want it.
  type :: dense_layer_t
    integer :: activation = 1
    real(rk), allocatable :: weight(:, :)      !! (inputs, outputs)
    real(rk), allocatable :: transposed(:, :)  !! (outputs, inputs)
    real(rk), allocatable :: bias(:)
  end type dense_layer_t

  !> A net as the kernels want it.
  type :: dense_t
    integer, allocatable :: inputs(:), outputs(:)
    real(rk), allocatable :: offset(:), per_scale(:), lower(:), upper(:)
    integer :: widest = 0                      !! units of the widest layer
    type(dense_layer_t), allocatable :: layers(:)
  end type dense_t

  !> All that the native backend needs.
  type :: native_t
    logical :: serves = .false.                !! whether it is made ready at all
    type(kernels_t) :: kernels
    logical :: has_fsth_table = .false., has_ftemp_table = .false., has_net = .false.
    logical :: two_plain_tables = .false.      !! a table of sthu and one of t_soil, and nothing else
    logical :: reads(5) = .false.              !! which arrays are read, by the READS_ numbers
    type(table_t) :: fsth_table, ftemp_table
    type(dense_t) :: net
  end type native_t

contains

  include 'jml_native_body.inc'

end module jml_native_r64
