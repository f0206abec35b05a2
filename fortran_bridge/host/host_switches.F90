!! Switches, sizes and constants with JULES's names, in one file because each module has only a few lines.
!!
!! JML_HOST_JULES is the version of JULES whose names and interfaces the host has: 70, 76 or 82. In 70, the names of the four
!! pools are older; the definitions of the compiler command translate them.
module ancil_info
  implicit none
  integer :: land_pts = 0                 !! land points of this rank
  integer :: nsurft = 2                   !! surface tiles: plants and bare soil
  integer :: nsoilt = 1                   !! soil tiles
  integer :: dim_cs1 = 1                  !! carbon pools
  integer :: dim_cslayer = 1              !! carbon layers
end module ancil_info

module jules_soil_mod
  use um_types, only: real_jlslsm
  implicit none
  integer :: sm_levels = 4                !! soil levels
  real(real_jlslsm) :: dzsoil(4) = [0.1_real_jlslsm, 0.25_real_jlslsm, 0.65_real_jlslsm, 2.0_real_jlslsm]  !! [m]
end module jules_soil_mod

module jules_soil_biogeochem_mod
  use um_types, only: real_jlslsm
  implicit none
  integer, parameter :: soil_model_1pool = 1, soil_model_4pool = 2, soil_model_ecosse = 3
  integer :: soil_bgc_model = soil_model_1pool
  logical :: l_layeredC = .false., l_soil_resp_lev2 = .false.
  real(real_jlslsm) :: kaps = 5.0e-9_real_jlslsm          !! rate of the one pool [s-1]
  real(real_jlslsm) :: kaps_4pool(4) = &                  !! rates of four pools [s-1]
    [3.22e-7_real_jlslsm, 9.65e-9_real_jlslsm, 2.12e-8_real_jlslsm, 6.43e-10_real_jlslsm]
  real(real_jlslsm) :: q10_soil = 2.0_real_jlslsm         !! factor for 10 K [1]
  real(real_jlslsm) :: tau_resp = 2.0_real_jlslsm         !! decline with depth [m-1]
#if JML_HOST_JULES >= 76
  real(real_jlslsm) :: z_burn_max = 0.2_real_jlslsm       !! depth of fires [m]; not used, shows the version
#endif
#if JML_HOST_JULES >= 82
  integer :: cs_decomp_soil_moist_func = 0                !! form of f; not used, shows the version
  logical :: l_bgc_heat = .false.                         !! respiration warms the soil
  real(real_jlslsm) :: heat_of_respiration = 3.9e7_real_jlslsm   !! [J kg-1]
#endif
end module jules_soil_biogeochem_mod

module jules_hydrology_mod
  implicit none
  logical :: l_top = .false.              !! TOPMODEL
end module jules_hydrology_mod

module jules_irrig_mod
  implicit none
  logical :: l_irrig_dmd = .false.        !! irrigation
end module jules_irrig_mod

module jules_model_environment_mod
  implicit none
  integer, parameter :: cable = 2
  integer :: lsm_id = 1                   !! land surface model
end module jules_model_environment_mod

module update_mod
  implicit none
  logical :: have_prescribed_sthuf = .false.   !! a file prescribes wetness
  logical :: l_imogen = .false.                !! climate from IMOGEN
  logical :: have_prescribed_b = .false.       !! a file prescribes b; of the host only, JULES has no such variable
end module update_mod

module jules_vegetation_mod
  implicit none
  logical :: l_use_pft_psi = .false.      !! stomata follow potentials
end module jules_vegetation_mod

module jules_surface_types_mod
  implicit none
  integer :: npft = 1                     !! plant types
  integer :: ntype = 2                    !! surface types
end module jules_surface_types_mod

module pftparm
  use um_types, only: real_jlslsm
  implicit none
  real(real_jlslsm) :: psi_close(1) = -1.5e6_real_jlslsm, psi_open(1) = -3.3e4_real_jlslsm   !! [Pa]
  real(real_jlslsm) :: infil_f(2) = [4.0_real_jlslsm, 0.5_real_jlslsm]    !! infiltration enhancement by tile [1]
end module pftparm

module theta_field_sizes
  implicit none
  integer :: t_i_length = 1, t_j_length = 1     !! size of this rank's grid
end module theta_field_sizes

module water_constants_mod
  implicit none
  real, parameter :: rho_water = 1000.0   !! density [kg m-3]
  real, parameter :: hcapw = 4180.0       !! specific heat of water [J kg-1 K-1]
  real, parameter :: hcapi = 2100.0       !! specific heat of ice [J kg-1 K-1]
  real, parameter :: lf = 0.334e6         !! heat of fusion [J kg-1]
  real, parameter :: dpsidt = 114.3       !! suction at which water freezes, per degree below 0 [m K-1]
end module water_constants_mod

module model_grid_mod
  implicit none
  real, allocatable :: latitude(:, :), longitude(:, :)    !! [degrees]
end module model_grid_mod

module jules_vars_mod
  implicit none
  integer :: mpi_local_comm = 0           !! communicator
end module jules_vars_mod
