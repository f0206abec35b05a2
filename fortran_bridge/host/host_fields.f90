!! State, parameters and forcing with JULES's names.
module sf_diags_mod
  use um_types, only: real_jlslsm
  implicit none

  type :: strnewsfdiag
    logical :: l_fsth = .false., l_ftemp = .false., l_fprf = .false.     !! which are requested
    real(real_jlslsm), allocatable :: fsth(:, :), ftemp(:, :), fprf(:)   !! one element if not requested
  end type strnewsfdiag
end module sf_diags_mod

module jules_forcing_mod
  implicit none

  type :: forcing_type
    real, allocatable, dimension(:, :) :: ls_rain_ij, con_rain_ij, ls_snow_ij, con_snow_ij   !! [kg m-2 s-1]
    real, allocatable, dimension(:, :) :: sw_down_ij, lw_down_ij                             !! [W m-2]
    real, allocatable, dimension(:, :) :: tl_1_ij, qw_1_ij, pstar_ij                         !! [K], [kg kg-1], [Pa]
  end type forcing_type

  real, allocatable, dimension(:, :) :: u_1_ij, v_1_ij                                       !! wind [m s-1]
end module jules_forcing_mod

module jules_fields_mod
  use um_types, only: real_jlslsm
  use jules_forcing_mod, only: forcing_type
  implicit none

  type :: ainfo_type
    integer, allocatable :: land_index(:)                   !! index of each land point on the grid
    logical, allocatable :: l_soil_point(:)
    integer, allocatable :: surft_pts(:), surft_index(:, :)
    real(real_jlslsm), allocatable :: frac_surft(:, :)      !! tile fractions [1]
  end type ainfo_type

  type :: psparms_type
    real(real_jlslsm), allocatable, dimension(:, :, :) :: bexp_soilt, sathh_soilt, hcap_soilt, hcon_soilt, satcon_soilt
    real(real_jlslsm), allocatable, dimension(:, :, :) :: smvccl_soilt, smvcst_soilt, smvcwt_soilt
    real(real_jlslsm), allocatable, dimension(:, :, :) :: sthu_soilt, sthf_soilt, v_close_pft, v_open_pft
    real(real_jlslsm), allocatable :: infil_surft(:, :)     !! maximum infiltration [kg m-2 s-1]
  end type psparms_type

  type :: progs_type
    real(real_jlslsm), allocatable :: smcl_soilt(:, :, :)       !! water of layers [kg m-2]
    real(real_jlslsm), allocatable :: t_soil_soilt(:, :, :)     !! temperature of layers [K]
    real(real_jlslsm), allocatable :: cs_pool_soilt(:, :, :, :) !! soil carbon [kg m-2]
  end type progs_type

  type(ainfo_type) :: ainfo
  type(psparms_type) :: psparms
  type(progs_type) :: progs
  type(forcing_type) :: forcing
end module jules_fields_mod
