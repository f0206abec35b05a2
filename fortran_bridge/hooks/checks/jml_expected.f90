!! The procedures of JULES that the hooks wrap or call, as the hooks assume them.
!!
!! When the hooks are built, the compiler compares each `<name>_expected` with JULES's procedure (see jml_check_interfaces.cmake).
!! `freeze_soil` and `read_dump` have no INTENT in JULES, and INTENT is part of an interface.
module jml_expected
  implicit none

  interface
    module subroutine update_model_variables_expected()
    end subroutine update_model_variables_expected

    module subroutine write_dump_expected()
    end subroutine write_dump_expected

    module subroutine read_dump_expected(file_name, identifiers)
      character(len=*) :: file_name
      character(len=*) :: identifiers(:)
    end subroutine read_dump_expected

    module subroutine jules_final_expected()
    end subroutine jules_final_expected

    module subroutine close_all_expected()
    end subroutine close_all_expected

    module subroutine log_info_expected(proc_name, message)
      character(len=*), intent(in) :: proc_name, message
    end subroutine log_info_expected

    module subroutine log_warn_expected(proc_name, message)
      character(len=*), intent(in) :: proc_name, message
    end subroutine log_warn_expected

    module subroutine log_error_expected(proc_name, message)
      character(len=*), intent(in) :: proc_name, message
    end subroutine log_error_expected

    module subroutine log_fatal_expected(proc_name, message)
      character(len=*), intent(in) :: proc_name, message
    end subroutine log_fatal_expected

    module subroutine freeze_soil_expected(npnts, nshyd, b, dz, sathh, smcl, tsoil, v_sat, sthu, sthf)
      use um_types, only: rk => real_jlslsm
      integer :: npnts, nshyd
      real(rk) :: b(npnts), dz(nshyd), sathh(npnts), smcl(npnts, nshyd), tsoil(npnts, nshyd), v_sat(npnts)
      real(rk) :: sthu(npnts, nshyd), sthf(npnts, nshyd)
    end subroutine freeze_soil_expected

    module subroutine infiltration_rate_expected(land_pts, nsurft, surft_pts, surft_index, satcon_soilt_sfc, frac, infil_surft)
      use um_types, only: rk => real_jlslsm
      use ancil_info, only: nsoilt
      use jules_surface_types_mod, only: ntype
      integer, intent(in) :: land_pts, nsurft, surft_pts(ntype), surft_index(land_pts, ntype)
      real(rk), intent(in) :: satcon_soilt_sfc(land_pts, nsoilt), frac(land_pts, ntype)
      real(rk), intent(out) :: infil_surft(land_pts, nsurft)
    end subroutine infiltration_rate_expected

    module function sthu_from_psi_expected(psi, sathh, b, sthu_min) result(sthu)
      use um_types, only: rk => real_jlslsm
      real(rk), intent(in) :: psi, sathh, b, sthu_min
      real(rk) :: sthu
    end function sthu_from_psi_expected
  end interface

end module jml_expected
