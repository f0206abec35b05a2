!! Names of JULES that differ between versions, as in JULES 7.2 to 8.1.
module jml_jules_names
  use jules_soil_biogeochem_mod, only: kaps_4pool, soil_model_4pool
  use jules_vars_mod, only: mpi_local_comm
  implicit none
  private

  public :: kaps_4pool, soil_model_4pool, mpi_local_comm

  logical, parameter, public :: L_BGC_HEAT = .false.     !! the heat of respiration does not exist in this version

end module jml_jules_names
