!! The end of a run.
module jules_final_mod
  implicit none
  private

  public :: jules_final

contains

  subroutine jules_final()
    use logging_mod, only: log_info

    call log_info('jules_final', 'run completed')
  end subroutine jules_final

end module jules_final_mod
