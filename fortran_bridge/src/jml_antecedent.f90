!! The antecedent factor of soil respiration: the product of curves of antecedent drivers.
!!
!! The host calculates the drivers from its history; this module reads the tables and evaluates them. The factor is
!! calculated in 64 bits for hosts of both kinds, since it is small work and the means that the drivers are departures from
!! need them.
module jml_antecedent
  use, intrinsic :: iso_fortran_env, only: rk => real64
  use jml_curve, only: curve_read, curve_t, X_T_SOIL
  use jml_dispatch_r64, only: kernels_for, kernels_t
  use jml_native_r64, only: table_of
  use jml_settings, only: ANTECEDENT_DRIVERS, settings_t
  use jml_status, only: JML_BAD_TABLE, JML_OK
  use jml_table_r64, only: table_t
  implicit none
  private

  public :: antecedent_t, antecedent_prepare

  !> The curves of the drivers of a configuration, in its order.
  type :: antecedent_t
    type(kernels_t) :: kernels
    type(table_t), allocatable :: tables(:)
  contains
    procedure :: evaluate
  end type antecedent_t

contains

  !> Read the tables of the drivers in the settings. Without drivers there are none.
  subroutine antecedent_prepare(settings, antecedent, status, message)
    type(settings_t), intent(in) :: settings
    type(antecedent_t), intent(out) :: antecedent
    integer, intent(out) :: status                              !! JML_OK or JML_BAD_TABLE
    character(len=:), allocatable, intent(out) :: message       !! names the file and the entry; empty if there is no error
    character(len=:), allocatable :: path
    type(curve_t) :: curve
    integer :: driver, k

    status = JML_OK
    message = ''
    allocate (antecedent%tables(size(settings%antecedent)))
    antecedent%kernels = kernels_for(settings%reproducible)
    do k = 1, size(settings%antecedent)
      path = trim(settings%antecedent_tables(k))
      driver = settings%antecedent(k)
      call curve_read(path, 'antecedent', curve, status, message)
      if (status /= JML_OK) return
      if (curve%x /= X_T_SOIL + driver) then
        status = JML_BAD_TABLE
        message = path // ": x is '" // trim(ANTECEDENT_DRIVERS(curve%x - X_T_SOIL)) // "', but jules_ml.nml gives the " // &
          "table for '" // trim(ANTECEDENT_DRIVERS(driver)) // "': list antecedent_tables in the order of antecedent"
        return
      end if
      antecedent%tables(k) = table_of(curve)
    end do
  end subroutine antecedent_prepare

  !> The product of the curves.
  subroutine evaluate(self, drivers, factor, finite)
    class(antecedent_t), intent(in) :: self
    real(rk), intent(in), contiguous :: drivers(:, :)           !! (points, drivers), in the order of the configuration
    real(rk), intent(out) :: factor(:)                          !! [1], (points)
    logical, intent(out) :: finite                              !! whether all drivers are finite
    real(rk) :: h(size(factor))
    logical :: column_finite
    integer :: k

    finite = .true.
    factor = 1.0_rk
    do k = 1, size(self%tables)
      call self%kernels%look_up(size(factor), drivers(:, k), self%tables(k), h, column_finite)
      finite = finite .and. column_finite
      factor = factor * h
    end do
  end subroutine evaluate

end module jml_antecedent
