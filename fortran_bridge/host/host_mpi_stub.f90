!! Replaces MPI for a single process.
module mpi
  implicit none
  integer, parameter :: mpi_comm_world = 1, mpi_logical = 1, mpi_land = 1
end module mpi

subroutine mpi_init(error)
  implicit none
  integer, intent(out) :: error
  error = 0
end subroutine mpi_init

subroutine mpi_finalize(error)
  implicit none
  integer, intent(out) :: error
  error = 0
end subroutine mpi_finalize

subroutine mpi_comm_rank(comm, rank, error)
  implicit none
  integer, intent(in) :: comm
  integer, intent(out) :: rank, error
  rank = comm - comm
  error = 0
end subroutine mpi_comm_rank

subroutine mpi_comm_size(comm, size, error)
  implicit none
  integer, intent(in) :: comm
  integer, intent(out) :: size, error
  size = 1 + comm - comm
  error = 0
end subroutine mpi_comm_size

subroutine mpi_allreduce(send, receive, count, type, op, comm, error)
  implicit none
  logical, intent(in) :: send
  logical, intent(out) :: receive
  integer, intent(in) :: count, type, op, comm
  integer, intent(out) :: error
  receive = send
  error = 0 * (count + type + op + comm)
end subroutine mpi_allreduce

subroutine mpi_abort(comm, code, error)
  implicit none
  integer, intent(in) :: comm, code
  integer, intent(out) :: error
  error = comm - comm
  if (code /= 0) stop 1
end subroutine mpi_abort
