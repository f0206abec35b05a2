!! The native backend in both kinds of real, compiled with traps for invalid, zero and overflow, as hosts are.
program test_native
  use test_assert, only: finish
  use test_native_r32, only: run_r32 => run
  use test_native_r64, only: run_r64 => run
  implicit none

  call run_r32()
  call run_r64()
  call finish()
end program test_native
