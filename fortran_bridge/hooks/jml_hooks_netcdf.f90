!! A netCDF-4 file of the ledger, written with the netCDF library that the executable of JULES has loaded.
!!
!! The functions of the C library are looked up at run time. The hooks therefore need neither netCDF's .mod files nor a flag of
!! the linker, and also link with a JULES that has no netCDF.
module jml_hooks_netcdf
  use, intrinsic :: iso_c_binding, only: c_associated, c_char, c_double, c_f_pointer, c_f_procpointer, c_float, c_funptr, c_int, &
    c_null_char, c_null_ptr, c_ptr, c_size_t
  use, intrinsic :: iso_fortran_env, only: real64
  implicit none
  private

  public :: has_netcdf, netcdf_file_t

  integer(c_int), parameter :: NC_NETCDF4 = 4096, NC_INT = 4, NC_FLOAT = 5, NC_DOUBLE = 6, NC_CHUNKED = 0, NC_GLOBAL = -1
  integer(c_int), parameter :: DEFLATE_LEVEL = 2
  integer, parameter :: MESSAGE_LENGTH = 200

  !> An open file.
  type :: netcdf_file_t
    logical :: is_open = .false.
    character(len=MESSAGE_LENGTH) :: problem = ''          !! of the first function that failed; '' if none did
    integer(c_int), private :: id = -1
    integer(c_int), private :: dimensions(3) = -1          !! time, soil, land
    integer(c_int), private :: coordinates(3) = -1         !! date, seconds, cycle
    integer(c_int), allocatable, private :: variables(:)
    integer(c_size_t), private :: levels = 0, points = 0, records = 0
  contains
    procedure :: create
    procedure :: add_record
    procedure :: close => close_file
    procedure, private :: check
    procedure, private :: define
    procedure, private :: attribute
  end type netcdf_file_t

  abstract interface
    integer(c_int) function create_i(path, mode, id) bind(c)
      import :: c_char, c_int
      character(kind=c_char), intent(in) :: path(*)
      integer(c_int), value :: mode
      integer(c_int), intent(out) :: id
    end function create_i

    integer(c_int) function def_dim_i(id, name, length, dimension) bind(c)
      import :: c_char, c_int, c_size_t
      integer(c_int), value :: id
      character(kind=c_char), intent(in) :: name(*)
      integer(c_size_t), value :: length
      integer(c_int), intent(out) :: dimension
    end function def_dim_i

    integer(c_int) function def_var_i(id, name, type, rank, dimensions, variable) bind(c)
      import :: c_char, c_int
      integer(c_int), value :: id
      character(kind=c_char), intent(in) :: name(*)
      integer(c_int), value :: type, rank
      integer(c_int), intent(in) :: dimensions(*)
      integer(c_int), intent(out) :: variable
    end function def_var_i

    integer(c_int) function deflate_i(id, variable, shuffle, deflate, level) bind(c)
      import :: c_int
      integer(c_int), value :: id, variable, shuffle, deflate, level
    end function deflate_i

    integer(c_int) function chunking_i(id, variable, storage, sizes) bind(c)
      import :: c_int, c_size_t
      integer(c_int), value :: id, variable, storage
      integer(c_size_t), intent(in) :: sizes(*)
    end function chunking_i

    integer(c_int) function text_i(id, variable, name, length, text) bind(c)
      import :: c_char, c_int, c_size_t
      integer(c_int), value :: id, variable
      character(kind=c_char), intent(in) :: name(*), text(*)
      integer(c_size_t), value :: length
    end function text_i

    integer(c_int) function put_i(id, variable, start, count, values) bind(c)
      import :: c_double, c_int, c_size_t
      integer(c_int), value :: id, variable
      integer(c_size_t), intent(in) :: start(*), count(*)
      real(c_double), intent(in) :: values(*)
    end function put_i

    integer(c_int) function id_i(id) bind(c)
      import :: c_int
      integer(c_int), value :: id
    end function id_i

    type(c_ptr) function message_i(status) bind(c)
      import :: c_int, c_ptr
      integer(c_int), value :: status
    end function message_i
  end interface

  interface
    type(c_funptr) function dlsym(library, name) bind(c)
      import :: c_char, c_funptr, c_ptr
      type(c_ptr), value :: library                        !! null: all libraries of the process
      character(kind=c_char), intent(in) :: name(*)
    end function dlsym
  end interface

  ! gfortran gives a pointer to a BIND(C) interface the global symbol of its name: nc_close would replace that of the C library.
  procedure(create_i), pointer, save :: jml_nc_create => null()
  procedure(def_dim_i), pointer, save :: jml_nc_def_dim => null()
  procedure(def_var_i), pointer, save :: jml_nc_def_var => null()
  procedure(deflate_i), pointer, save :: jml_nc_def_var_deflate => null()
  procedure(chunking_i), pointer, save :: jml_nc_def_var_chunking => null()
  procedure(text_i), pointer, save :: jml_nc_put_att_text => null()
  procedure(put_i), pointer, save :: jml_nc_put_vara_double => null()
  procedure(id_i), pointer, save :: jml_nc_enddef => null(), jml_nc_sync => null(), jml_nc_close => null()
  procedure(message_i), pointer, save :: jml_nc_strerror => null()

contains

  !> Whether the executable has loaded a netCDF library; looks up its functions.
  logical function has_netcdf()
    has_netcdf = .true.
    call c_f_procpointer(found('nc_create'), jml_nc_create)
    call c_f_procpointer(found('nc_def_dim'), jml_nc_def_dim)
    call c_f_procpointer(found('nc_def_var'), jml_nc_def_var)
    call c_f_procpointer(found('nc_def_var_deflate'), jml_nc_def_var_deflate)
    call c_f_procpointer(found('nc_def_var_chunking'), jml_nc_def_var_chunking)
    call c_f_procpointer(found('nc_put_att_text'), jml_nc_put_att_text)
    call c_f_procpointer(found('nc_put_vara_double'), jml_nc_put_vara_double)
    call c_f_procpointer(found('nc_enddef'), jml_nc_enddef)
    call c_f_procpointer(found('nc_sync'), jml_nc_sync)
    call c_f_procpointer(found('nc_close'), jml_nc_close)
    call c_f_procpointer(found('nc_strerror'), jml_nc_strerror)

  contains

    function found(name) result(address)
      character(len=*), intent(in) :: name
      type(c_funptr) :: address

      address = dlsym(c_null_ptr, name // c_null_char)
      has_netcdf = has_netcdf .and. c_associated(address)
    end function found

  end function has_netcdf

  !> Create a file with variables of the dimensions time, soil and land; `problem` says whether it failed.
  subroutine create(self, path, latitude, longitude, levels, names, units, title)
    class(netcdf_file_t), intent(inout) :: self
    character(len=*), intent(in) :: path
    real(real64), intent(in) :: latitude(:), longitude(:)  !! of the land points [degrees]
    integer, intent(in) :: levels                          !! soil levels
    character(len=*), intent(in) :: names(:)               !! of the variables
    character(len=*), intent(in) :: units(:)
    character(len=*), intent(in) :: title
    integer(c_int) :: places(2)
    integer :: k

    self%levels = int(levels, c_size_t)
    self%points = size(latitude, kind=c_size_t)
    call self%check(jml_nc_create(path // c_null_char, NC_NETCDF4, self%id))
    if (self%problem /= '') return
    self%is_open = .true.
    call self%check(jml_nc_def_dim(self%id, 'time' // c_null_char, 0_c_size_t, self%dimensions(1)))
    call self%check(jml_nc_def_dim(self%id, 'soil' // c_null_char, self%levels, self%dimensions(2)))
    call self%check(jml_nc_def_dim(self%id, 'land' // c_null_char, self%points, self%dimensions(3)))
    call self%define('latitude', NC_DOUBLE, self%dimensions(3:3), 'degrees_north', places(1))
    call self%define('longitude', NC_DOUBLE, self%dimensions(3:3), 'degrees_east', places(2))
    call self%define('date', NC_INT, self%dimensions(1:1), 'YYYYMMDD', self%coordinates(1))
    call self%attribute(self%coordinates(1), 'long_name', 'day of the last step of the sums, in the calendar of the run')
    call self%define('seconds', NC_INT, self%dimensions(1:1), 's', self%coordinates(2))
    call self%attribute(self%coordinates(2), 'long_name', 'time of the day at the start of the last step')
    call self%define('cycle', NC_INT, self%dimensions(1:1), '1', self%coordinates(3))
    call self%attribute(self%coordinates(3), 'long_name', 'cycle of spin-up; 0: main run')
    allocate (self%variables(size(names)))
    do k = 1, size(names)
      call self%define(trim(names(k)), NC_FLOAT, self%dimensions, trim(units(k)), self%variables(k))
      call self%attribute(self%variables(k), 'cell_methods', 'time: sum')
      call self%attribute(self%variables(k), 'coordinates', 'latitude longitude')
    end do
    call self%attribute(NC_GLOBAL, 'title', title)
    call self%check(jml_nc_enddef(self%id))
    call self%check(jml_nc_put_vara_double(self%id, places(1), [0_c_size_t], [self%points], latitude))
    call self%check(jml_nc_put_vara_double(self%id, places(2), [0_c_size_t], [self%points], longitude))
  end subroutine create

  !> Append a record, and write it to the disk.
  subroutine add_record(self, time, values)
    class(netcdf_file_t), intent(inout) :: self
    integer, intent(in) :: time(3)                         !! date, seconds and cycle
    real(real64), intent(in) :: values(:, :, :)            !! (land, soil, variables)
    integer(c_size_t) :: start(3), count(3)
    integer :: k

    start = [self%records, 0_c_size_t, 0_c_size_t]
    count = [1_c_size_t, self%levels, self%points]
    do k = 1, 3
      call self%check(jml_nc_put_vara_double(self%id, self%coordinates(k), start, count, [real(time(k), c_double)]))
    end do
    do k = 1, size(self%variables)
      call self%check(jml_nc_put_vara_double(self%id, self%variables(k), start, count, values(:, :, k)))
    end do
    call self%check(jml_nc_sync(self%id))
    self%records = self%records + 1
  end subroutine add_record

  !> Close the file.
  subroutine close_file(self)
    class(netcdf_file_t), intent(inout) :: self

    if (self%is_open) call self%check(jml_nc_close(self%id))
    self%is_open = .false.
  end subroutine close_file

  !> Define a variable; those of three dimensions are compressed, with one record a chunk.
  subroutine define(self, name, type, dimensions, units, variable)
    class(netcdf_file_t), intent(inout) :: self
    character(len=*), intent(in) :: name
    integer(c_int), intent(in) :: type
    integer(c_int), intent(in) :: dimensions(:)
    character(len=*), intent(in) :: units
    integer(c_int), intent(out) :: variable

    variable = -1
    call self%check(jml_nc_def_var(self%id, name // c_null_char, type, size(dimensions, kind=c_int), dimensions, variable))
    call self%attribute(variable, 'units', units)
    if (size(dimensions) < 3) return
    call self%check(jml_nc_def_var_chunking(self%id, variable, NC_CHUNKED, [1_c_size_t, self%levels, self%points]))
    call self%check(jml_nc_def_var_deflate(self%id, variable, 1_c_int, 1_c_int, DEFLATE_LEVEL))
  end subroutine define

  !> Write an attribute.
  subroutine attribute(self, variable, name, text)
    class(netcdf_file_t), intent(inout) :: self
    integer(c_int), intent(in) :: variable
    character(len=*), intent(in) :: name, text

    call self%check(jml_nc_put_att_text(self%id, variable, name // c_null_char, len(text, kind=c_size_t), text))
  end subroutine attribute

  !> Store the message of a status, if it is the first that is not 0.
  subroutine check(self, status)
    class(netcdf_file_t), intent(inout) :: self
    integer(c_int), intent(in) :: status
    character(kind=c_char), pointer :: text(:)
    type(c_ptr) :: message
    integer :: k

    if (status == 0 .or. self%problem /= '') return
    message = jml_nc_strerror(status)
    call c_f_pointer(message, text, [MESSAGE_LENGTH])
    do k = 1, MESSAGE_LENGTH
      if (text(k) == c_null_char) exit
      self%problem(k:k) = text(k)
    end do
    if (self%problem == '') self%problem = 'unknown error'
  end subroutine check

end module jml_hooks_netcdf
