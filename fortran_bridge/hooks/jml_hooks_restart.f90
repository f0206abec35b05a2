!! The state of the hooks and their modules, which is written beside each dump and read when a run starts from a dump.
!!
!! Each rank has two files: `<dump>.jules_ml.<rank>.state` with the state of the hooks, and `<dump>.jules_ml.<rank>.npz` with
!! the history of the moisture module. JULES names its dumps by date and spin-up cycle, and so are these files. A run with
!! another number of ranks finds its points in the files by their positions; it reads the state in those that contain any of them.
module jml_hooks_restart
  use, intrinsic :: iso_fortran_env, only: int32, real64
  use jules_ml_bridge, only: jml_state_write, jml_state_read, JML_OK
  use jml_hooks_run, only: run, state_stem, FILE_LENGTH, TEXT_LENGTH
  use jml_hooks_failure, only: fail, bridge_error
  use jml_hooks_antecedent, only: antecedent_write, antecedent_read
  use jml_hooks_lookup, only: lookup_t, equal_positions
  use jml_hooks_moisture, only: moisture_write, moisture_read
  use jml_hooks_place, only: latitudes, longitudes
  use jml_hooks_properties, only: properties_write, properties_read
  use jml_hooks_state, only: state_t, header_t, write_state_file, read_header, read_columns
  implicit none
  private

  public :: save_state, load_state

  character(len=*), parameter :: NO_HISTORY = ', or remove all jules_ml files of the dump to start without a history'

contains

  !> Write the state beside the current dump.
  subroutine save_state()
    character(len=:), allocatable :: stem
    character(len=TEXT_LENGTH) :: problem
    type(header_t) :: header
    type(state_t) :: state
    integer :: ierr

    if (.not. has_state()) return
    header = header_of_run()
    stem = trim(state_stem(dump_path(), run%rank))
    if (run%settings%moisture) then        ! before the other file, without which it is not read
      call jml_state_write(stem // '.npz', ierr, header%latitude, header%longitude)
      if (ierr /= JML_OK) then
        call fail(bridge_error('state of ' // stem))
        return
      end if
    end if
    allocate (state%scalars(0), state%columns(size(header%latitude), 0))
    if (run%settings%properties) call properties_write(state)
    if (run%settings%moisture) call moisture_write(state)
    if (has_antecedent()) call antecedent_write(state)
    call write_state_file(stem // '.state', header, state, problem)
    if (problem /= '') call fail(problem)
  end subroutine save_state

  !> Read the state beside the dump, if the run started from a dump.
  subroutine load_state()
    use logging_mod, only: log_info, log_warn
    character(len=:), allocatable :: dump, histories
    character(len=TEXT_LENGTH) :: problem
    character(len=40) :: note
    type(header_t) :: header, first
    type(state_t) :: state
    logical :: there, own
    integer :: ierr

    if (.not. has_state() .or. len_trim(run%restart_from) == 0) return
    dump = trim(run%restart_from)
    inquire (file=trim(state_stem(dump, 0)) // '.state', exist=there)
    inquire (file=trim(state_stem(dump, run%rank)) // '.state', exist=own)
    if (.not. (there .or. own)) then
      call log_warn('jules_ml', trim(state_stem(dump, run%rank)) // '.state does not exist beside the dump: the modules ' // &
        'start without a history')
      return
    end if
    header = header_of_run()
    call collect(dump, header, first, state, histories, problem)
    if (problem /= '') then
      call fail(problem)
      return
    end if
    run%day = first%day
    if (run%settings%properties) call properties_read(state)
    if (run%settings%moisture) call moisture_read(state)
    if (has_antecedent()) call antecedent_read(state)
    if (.not. state%complete) then
      call fail(trim(state_stem(dump, 0)) // '.state does not fit this run: start with the hooks and the version of ' // &
        'jules_ml of the run that wrote it' // NO_HISTORY)
      return
    end if
    if (run%settings%moisture) then
      call jml_state_read(histories, ierr, header%latitude, header%longitude)
      if (ierr /= JML_OK) call fail(bridge_error('state of ' // dump))
    end if
    note = ''
    if (first%ranks /= run%ranks) write (note, '(" of a run with ", i0, " ranks")') first%ranks
    call log_info('jules_ml', 'read ' // trim(state_stem(dump, min(run%rank, first%ranks - 1))) // '.state' // trim(note))
  end subroutine load_state

  !> Find the points of this rank in the files of a dump.
  subroutine collect(dump, header, first, state, histories, problem)
    character(len=*), intent(in) :: dump                      !! path of the dump
    type(header_t), intent(in) :: header                      !! of this run
    type(header_t), intent(out) :: first                      !! of the first file
    type(state_t), intent(out) :: state                       !! of the points of this rank
    character(len=:), allocatable, intent(out) :: histories   !! .npz files with any of the points, separated by line breaks
    character(len=TEXT_LENGTH), intent(out) :: problem        !! '' if there is none
    type(header_t) :: other
    type(state_t) :: part
    type(lookup_t) :: lookup
    integer, allocatable :: places(:)
    integer :: found(size(header%latitude))                   ! points of the files that are at the position of the point
    character(len=:), allocatable :: path
    integer :: k, rank

    histories = ''
    found = 0
    call read_header(trim(state_stem(dump, 0)) // '.state', first, part, problem)
    if (problem == '') problem = other_run(trim(state_stem(dump, 0)) // '.state', header, first)
    if (problem /= '') return
    state%scalars = part%scalars
    allocate (state%columns(size(found), size(part%columns, 2)))
    ! a rank without points still needs what the modules share
    if (size(found) == 0) histories = trim(state_stem(dump, modulo(run%rank, first%ranks))) // '.npz'
    call lookup%build(header%latitude, header%longitude)
    do k = 0, first%ranks - 1                                 ! all, because a later file may have a point at the same position
      rank = modulo(run%rank + k, first%ranks)
      path = trim(state_stem(dump, rank))
      call read_header(path // '.state', other, part, problem)
      if (problem == '' .and. .not. same_run(first, other, state, part)) problem = path // '.state is from another run than ' // &
        'that of rank 0: take both from one copy of the dump' // NO_HISTORY
      if (problem /= '') return
      places = places_of(header, other, lookup)
      if (any(places > 0)) then
        call read_columns(path // '.state', part, problem)
        if (problem /= '') return
        call copy(part, places, state, found)
        histories = histories // path // '.npz' // new_line('a')
      end if
      if (k == 0 .and. first%ranks == run%ranks .and. same_points(header, other)) return
      if (lookup%duplicate > 0 .and. any(places > 0)) problem = twice(path, header, lookup%duplicate)
      if (any(found > 1)) problem = twice(path, header, findloc(found > 1, .true., dim=1))
      if (problem /= '') return
    end do
    if (any(found == 0)) problem = without_state(dump, header, findloc(found, 0, dim=1))
  end subroutine collect

  !> For each point of a file its index on this rank; 0 if it is not on this rank.
  function places_of(header, other, lookup) result(places)
    type(header_t), intent(in) :: header          !! of this run
    type(header_t), intent(in) :: other           !! of the file
    type(lookup_t), intent(in) :: lookup          !! points of this rank
    integer :: places(size(other%latitude))
    integer :: k

    if (same_points(header, other)) then
      places = [(k, k=1, size(places))]
    else
      do k = 1, size(places)
        places(k) = lookup%find(other%latitude(k), other%longitude(k))
      end do
    end if
  end function places_of

  !> Whether a file has the points of this rank in the same order.
  logical function same_points(header, other)
    type(header_t), intent(in) :: header          !! of this run
    type(header_t), intent(in) :: other           !! of the file

    same_points = equal_positions(header%latitude, header%longitude, other%latitude, other%longitude)
  end function same_points

  !> Copy the columns of points of a file to the state of this rank, and count the points at each place.
  subroutine copy(part, places, state, found)
    type(state_t), intent(in) :: part             !! of a file
    integer, intent(in) :: places(:)              !! from `places_of`
    type(state_t), intent(inout) :: state         !! of this rank
    integer, intent(inout) :: found(:)            !! points of files at each place
    integer :: k

    do k = 1, size(places)
      if (places(k) == 0) cycle
      state%columns(places(k), :) = part%columns(k, :)
      found(places(k)) = found(places(k)) + 1
    end do
  end subroutine copy

  !> Why a run cannot use the files of a dump; '' if it can.
  function other_run(path, header, first) result(problem)
    character(len=*), intent(in) :: path
    type(header_t), intent(in) :: header          !! of this run
    type(header_t), intent(in) :: first           !! of the file
    character(len=TEXT_LENGTH) :: problem

    problem = ''
    if (first%hooks /= header%hooks) then
      problem = path // ' does not fit this run: it has the state of ' // trim(first%hooks) // ', and the run needs that of ' // &
        trim(header%hooks) // ': use the hooks of the run that wrote it' // NO_HISTORY
    else if (first%levels /= header%levels) then
      write (problem, '(2a, i0, a, i0, 2a)') path, ' does not fit this run: it has ', first%levels, &
        ' soil levels, and the run has ', header%levels, ': use the soil levels of the run that wrote it', NO_HISTORY
    end if
  end function other_run

  !> Whether a file belongs to the same dump as the first file.
  function same_run(first, other, state, part) result(same)
    type(header_t), intent(in) :: first, other    !! of the first file, and of this one
    type(state_t), intent(in) :: state, part      !! with the scalars of the first file, and of this one
    logical :: same

    same = other%ranks == first%ranks .and. all(other%day == first%day) .and. other%hooks == first%hooks .and. &
      other%levels == first%levels .and. size(state%scalars) == size(part%scalars) .and. &
      size(state%columns, 2) == size(part%columns, 2)
    if (same) same = all(state%scalars == part%scalars)
  end function same_run

  !> Message for a position that more than one point has.
  function twice(path, header, place) result(problem)
    character(len=*), intent(in) :: path
    type(header_t), intent(in) :: header          !! of this run
    integer, intent(in) :: place                  !! point of this rank
    character(len=TEXT_LENGTH) :: problem

    problem = path // '.state: more than one point is at ' // position(header, place) // &
      ', and a restart with another number of ranks finds points by position: use the ranks of the run that wrote it' // NO_HISTORY
  end function twice

  !> Message for a point that is in no file.
  function without_state(dump, header, point) result(problem)
    character(len=*), intent(in) :: dump          !! path of the dump
    type(header_t), intent(in) :: header          !! of this run
    integer, intent(in) :: point                  !! of this rank
    character(len=TEXT_LENGTH) :: problem

    problem = trim(state_stem(dump, 0)) // '.state and the files of the other ranks have no state of the point at ' // &
      position(header, point) // ': use the points of the run that wrote the dump' // NO_HISTORY
  end function without_state

  !> Latitude and longitude of a point as text.
  function position(header, point) result(text)
    type(header_t), intent(in) :: header          !! of this run
    integer, intent(in) :: point                  !! of this rank
    character(len=:), allocatable :: text
    character(len=40) :: numbers

    write (numbers, '(f0.4, " N, ", f0.4, " E")') header%latitude(point), header%longitude(point)
    text = trim(numbers)
  end function position

  !> What a file of this run begins with.
  function header_of_run() result(header)
    use jules_soil_mod, only: sm_levels
    type(header_t) :: header

    header%rank = int(run%rank, int32)
    header%ranks = int(run%ranks, int32)
    header%levels = int(sm_levels, int32)
    header%day = int(run%day, int32)
    header%latitude = real(latitudes(), real64)
    header%longitude = real(longitudes(), real64)
    if (run%settings%properties) header%hooks = 'properties'
    if (run%settings%moisture) header%hooks = trim(header%hooks) // ' moisture'
    if (has_antecedent()) header%hooks = trim(header%hooks) // ' antecedent'
    header%hooks = adjustl(header%hooks)
  end function header_of_run

  !> Whether any hook that is on has a state.
  logical function has_state()
    has_state = run%settings%moisture .or. run%settings%properties .or. has_antecedent()
  end function has_state

  !> Whether respiration has antecedent drivers, whose means are a state.
  logical function has_antecedent()
    has_antecedent = size(run%settings%antecedent) > 0
  end function has_antecedent

  !> Path of the current dump.
  function dump_path() result(path)
    use model_time_mod, only: current_time, is_spinup, spinup_cycle
    use output_mod, only: output_dir, run_id
    character(len=FILE_LENGTH) :: path
    character(len=24) :: cycle_text, time_text

    cycle_text = ''
    if (is_spinup) write (cycle_text, '("spin", i0, ".")') spinup_cycle
    write (time_text, '(i4.4, 2i2.2, ".", i0)') current_time%year, current_time%month, current_time%day, &
      current_time%time
    path = trim(output_dir) // '/' // trim(run_id) // '.dump.' // trim(cycle_text) // trim(time_text) // '.nc'
  end function dump_path

end module jml_hooks_restart
