!! The state of the hooks in a run.
module jml_hooks_run
  use jules_ml_bridge, only: settings_t
  implicit none
  private

  public :: run_t, run, configuration_path, ledger_path, state_stem

  integer, parameter, public :: FILE_LENGTH = 1024    !! longest path of a file [characters]
  integer, parameter, public :: TEXT_LENGTH = 2048    !! longest message [characters]

  !> The state of the hooks in this process.
  type :: run_t
    logical :: started = .false.             !! the configuration was read
    logical :: on = .false.                  !! at least one hook is on
    type(settings_t) :: settings             !! of `jules_ml.nml`
    integer :: rank = 0                      !! this process among those of the run, from 0
    integer :: ranks = 1                     !! processes of the run
    integer :: steps = 0                     !! calls of `update_model_variables` so far
    integer :: day(4) = -1                   !! spin-up cycle, year, month and day of the last call
    logical :: microbe_called = .false.      !! the hook of `microbe` was called
    character(len=FILE_LENGTH) :: restart_from = ''   !! dump from which the run started, or ''
    logical :: failed = .false.              !! a hook failed on this rank
    character(len=TEXT_LENGTH) :: failure = ''        !! its message
  end type run_t

  type(run_t), save :: run

contains

  !> Path of `jules_ml.nml` in the namelist folder, which is JULES's first argument.
  function configuration_path() result(path)
    character(len=FILE_LENGTH) :: path
    character(len=FILE_LENGTH) :: folder

    call get_command_argument(1, folder)
    if (len_trim(folder) == 0) folder = '.'
    path = trim(folder) // '/jules_ml.nml'
  end function configuration_path

  !> Path of the ledger of increments of this rank.
  function ledger_path(suffix) result(path)
    use output_mod, only: output_dir, run_id
    character(len=*), intent(in) :: suffix             !! 'csv' or 'nc'
    character(len=FILE_LENGTH) :: path

    path = trim(output_dir) // '/' // trim(run_id) // '.jules_ml_increments.' // rank_text(run%rank) // '.' // suffix
  end function ledger_path

  !> Path without suffix of the state files of a dump: the dump's name and a rank.
  function state_stem(dump, rank) result(path)
    character(len=*), intent(in) :: dump           !! path of the dump
    integer, intent(in) :: rank                    !! of the run that wrote the files, from 0
    character(len=FILE_LENGTH) :: path
    integer :: dot

    dot = index(dump, '.', back=.true.)
    if (dot <= index(dump, '/', back=.true.) + 1) dot = len_trim(dump) + 1
    path = dump(:dot - 1) // '.jules_ml.' // rank_text(rank)
  end function state_stem

  !> A rank as four digits.
  function rank_text(rank) result(text)
    integer, intent(in) :: rank
    character(len=4) :: text

    write (text, '(i4.4)') rank
  end function rank_text

end module jml_hooks_run
