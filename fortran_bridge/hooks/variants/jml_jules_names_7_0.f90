!! Names of JULES that differ between versions, as in JULES 7.0 and 7.1.
module jml_jules_names
  use jules_soil_biogeochem_mod, only: kaps_4pool => kaps_roth, soil_model_4pool => soil_model_rothc
  use mpi, only: mpi_local_comm => mpi_comm_world
  implicit none
  private

  public :: kaps_4pool, soil_model_4pool, mpi_local_comm

  logical, parameter, public :: L_BGC_HEAT = .false.     !! the heat of respiration does not exist in this version

end module jml_jules_names
