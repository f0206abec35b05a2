!! Names of JULES that differ between versions, as in JULES 8.2.
module jml_jules_names
  use jules_soil_biogeochem_mod, only: kaps_4pool, soil_model_4pool, l_bgc_heat
  use jules_vars_mod, only: mpi_local_comm
  implicit none
  private

  public :: kaps_4pool, soil_model_4pool, mpi_local_comm, l_bgc_heat

end module jml_jules_names
