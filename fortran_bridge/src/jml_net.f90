!! Small dense nets: weights, scaling and the range of the training data, read from namelists.
module jml_net
  use, intrinsic :: ieee_arithmetic, only: ieee_is_finite
  use, intrinsic :: iso_fortran_env, only: real32, real64
  use jml_namelist, only: ABSENT, ABSENT_INTEGER, count_groups, is_given, open_namelist, refuse_unknown_groups, text_of, unreadable
  use jml_status, only: JML_BAD_NET, JML_OK
  implicit none
  private

  public :: net_t, layer_t, net_read

  integer, parameter, public :: ACT_LINEAR = 1, ACT_TANH = 2, ACT_SIGMOID = 3, ACT_RELU = 4, ACT_SOFTPLUS = 5
  integer, parameter, public :: IN_STHU = 1, IN_STHF = 2, IN_STH = 3, IN_THETA = 4, IN_V_SAT = 5, IN_V_WILT = 6, &
    IN_T_SOIL = 7, IN_V_CRIT = 8
  integer, parameter, public :: OUT_FSTH = 1, OUT_FTEMP = 2, OUT_JOINT = 3
  integer, parameter, public :: BLOCK = 64             !! points that a layer processes together
  integer, parameter, public :: MAX_WIDTH = 512        !! largest width of a layer

  character(len=*), parameter :: ACTIVATIONS(5) = [character(len=8) :: 'linear', 'tanh', 'sigmoid', 'relu', 'softplus']
  character(len=*), parameter :: IN_NAMES(8) = &
    [character(len=9) :: 'sthu', 'sthf', 'sthu+sthf', 'theta', 'v_sat', 'v_wilt', 't_soil', 'v_crit']
  character(len=*), parameter :: IN_UNITS(8) = &
    [character(len=6) :: '1', '1', '1', 'm3 m-3', 'm3 m-3', 'm3 m-3', 'K', 'm3 m-3']
  character(len=*), parameter :: OUT_NAMES(3) = [character(len=5) :: 'fsth', 'ftemp', 'joint']

  integer, parameter :: VERSION_READ = 1               !! version of the format
  integer, parameter :: MAX_INPUTS = size(IN_NAMES)
  integer, parameter :: MAX_OUTPUTS = 2

  !> One layer: activation(weight**T x + bias).
  type :: layer_t
    integer :: activation = ACT_LINEAR
    real(real64), allocatable :: weight(:, :)          !! (inputs, outputs)
    real(real64), allocatable :: bias(:)               !! (outputs)
  end type layer_t

  !> A dense net of scaled inputs, (x - offset) / scale.
  type :: net_t
    integer, allocatable :: inputs(:)                  !! IN_ numbers
    integer, allocatable :: outputs(:)                 !! OUT_ numbers
    real(real64), allocatable :: offset(:), scale(:)   !! [units of the input]
    real(real64), allocatable :: lower(:), upper(:)    !! limits of the inputs [units of the input]
    type(layer_t), allocatable :: layers(:)
  end type net_t

contains

  !> Read a dense net: one group &jules_ml_net, then a group &jules_ml_layer for each layer, from input to output.
  subroutine net_read(path, net, status, message)
    character(len=*), intent(in) :: path
    type(net_t), intent(out) :: net
    integer, intent(out) :: status                              !! JML_OK or JML_BAD_NET
    character(len=:), allocatable, intent(out) :: message       !! names the file and the entry; empty if there is no error
    integer :: unit, i

    status = JML_BAD_NET
    call open_namelist(path, unit, message)
    if (message /= '') return
    call refuse_unknown_groups(unit, path, [character(len=14) :: 'jules_ml_net', 'jules_ml_layer'], message)
    if (message == '') call read_head(unit, net, message)
    if (message == '') then
      allocate (net%layers(count_groups(unit, 'jules_ml_layer')))
      do i = 1, size(net%layers)
        call read_layer(unit, i, net%layers(i), message)
        if (message /= '') exit
      end do
    end if
    close (unit)
    if (message == '') call check_widths(net, message)
    if (message == '') then
      status = JML_OK
    else if (index(message, path) /= 1) then
      message = path // ': ' // message
    end if
  end subroutine net_read

  !> The group &jules_ml_net.
  subroutine read_head(unit, net, message)
    integer, intent(in) :: unit
    type(net_t), intent(inout) :: net
    character(len=:), allocatable, intent(out) :: message
    character(len=256) :: name, reference, inputs(MAX_INPUTS), input_units(MAX_INPUTS), outputs(MAX_OUTPUTS), outside, why
    real(real64), dimension(MAX_INPUTS) :: x_offset, x_scale, seen_min, seen_max
    integer :: version, iostat, n, m, i
    namelist /jules_ml_net/ version, name, reference, inputs, input_units, x_offset, x_scale, seen_min, seen_max, outside, &
      outputs

    version = ABSENT_INTEGER
    name = ''
    reference = ''
    inputs = ''
    input_units = ''
    outputs = ''
    outside = 'clamp'
    x_offset = ABSENT
    x_scale = ABSENT
    seen_min = ABSENT
    seen_max = ABSENT
    message = ''
    why = ''
    rewind (unit)
    read (unit, nml=jules_ml_net, iostat=iostat, iomsg=why)
    if (iostat /= 0) then
      message = unreadable('jules_ml_net', iostat, why)
      return
    end if

    n = count(inputs /= '')
    m = count(outputs /= '')
    if (.not. is_given(version)) then
      message = 'version is missing: give version = ' // text_of(VERSION_READ)
    else if (version /= VERSION_READ) then
      message = 'version is ' // text_of(version) // ', but this library reads version ' // text_of(VERSION_READ)
    else if (n == 0 .or. any(inputs(1:n) == '')) then
      message = 'inputs is missing or has a gap: give the name of each input'
    else if (m == 0 .or. any(outputs(1:m) == '')) then
      message = 'outputs is missing or has a gap: give the name of each output'
    else if (count(input_units /= '') /= n) then
      message = 'input_units has ' // text_of(count(input_units /= '')) // ' entries for ' // text_of(n) // &
        ' inputs: give one for each'
    else if (any(count_given(x_offset, x_scale, seen_min, seen_max) /= n)) then
      message = 'x_offset, x_scale, seen_min and seen_max need ' // text_of(n) // ' entries each, one for each input'
    else if (.not. all(is_given([x_offset(1:n), x_scale(1:n), seen_min(1:n), seen_max(1:n)]))) then
      message = 'x_offset, x_scale, seen_min or seen_max has a gap: give one entry for each input, in their order'
    else if (.not. all(ieee_is_finite([x_offset(1:n), x_scale(1:n), seen_min(1:n), seen_max(1:n)]))) then
      message = 'x_offset, x_scale, seen_min and seen_max must be finite'
    else if (any(x_scale(1:n) <= 0.0_real64)) then
      message = 'x_scale must be positive'
    else if (any(seen_max(1:n) <= seen_min(1:n))) then
      message = 'seen_max must be above seen_min'
    else if (outside /= 'clamp' .and. outside /= 'extend') then
      message = "outside is '" // trim(outside) // "': give 'clamp' or 'extend'"
    end if
    if (message /= '') then
      message = message // ' (&jules_ml_net)'
      return
    end if

    net%inputs = [(findloc(IN_NAMES == inputs(i), .true., dim=1), i=1, n)]
    net%outputs = [(findloc(OUT_NAMES == outputs(i), .true., dim=1), i=1, m)]
    do i = 1, n
      if (net%inputs(i) == 0) then
        message = "inputs has '" // trim(inputs(i)) // "', which is not one of sthu, sthf, sthu+sthf, theta, v_sat, " // &
          "v_crit, v_wilt, t_soil"
      else if (input_units(i) /= IN_UNITS(net%inputs(i))) then
        message = 'the unit of ' // trim(inputs(i)) // " is '" // trim(IN_UNITS(net%inputs(i))) // "', not '" // &
          trim(input_units(i)) // "'"
      end if
    end do
    if (any(net%outputs == 0)) then
      message = "outputs must be 'fsth', 'ftemp', both, or 'joint'"
    else if (m == 2) then
      if (net%outputs(1) + net%outputs(2) /= OUT_FSTH + OUT_FTEMP .or. any(net%outputs == OUT_JOINT)) &
        message = "outputs must be 'fsth', 'ftemp', both, or 'joint' alone"
    end if
    net%offset = x_offset(1:n)
    net%scale = x_scale(1:n)
    net%lower = seen_min(1:n)
    net%upper = seen_max(1:n)
    if (outside == 'extend') then
      net%lower = -real(huge(1.0_real32), real64)
      net%upper = real(huge(1.0_real32), real64)
    end if
  end subroutine read_head

  !> Number of entries in each of four lists.
  pure function count_given(a, b, c, d) result(counts)
    real(real64), intent(in), dimension(:) :: a, b, c, d
    integer :: counts(4)

    counts = [count(is_given(a)), count(is_given(b)), count(is_given(c)), count(is_given(d))]
  end function count_given

  !> The next group &jules_ml_layer. Weights are in the order of torch: all inputs of the first output, of the second, ...
  subroutine read_layer(unit, number, layer, message)
    integer, intent(in) :: unit
    integer, intent(in) :: number                          !! number of the layer from 1, for messages
    type(layer_t), intent(inout) :: layer
    character(len=:), allocatable, intent(out) :: message
    character(len=256) :: activation, why
    real(real64), allocatable :: weight(:), bias(:)
    integer :: n_in, n_out, iostat
    namelist /jules_ml_layer/ n_in, n_out, activation, weight, bias

    allocate (weight(MAX_WIDTH**2), bias(MAX_WIDTH), source=ABSENT)
    n_in = ABSENT_INTEGER
    n_out = ABSENT_INTEGER
    activation = ''
    message = ''
    why = ''
    read (unit, nml=jules_ml_layer, iostat=iostat, iomsg=why)
    layer%activation = findloc(ACTIVATIONS == activation, .true., dim=1)
    if (iostat /= 0) then
      message = unreadable('jules_ml_layer', iostat, why)
    else if (layer%activation == 0) then
      message = "activation is '" // trim(activation) // "': give 'linear', 'tanh', 'sigmoid', 'relu' or 'softplus'"
    else if (.not. (is_given(n_in) .and. is_given(n_out))) then
      message = 'n_in or n_out is missing: give both'
    else if (min(n_in, n_out) < 1 .or. max(n_in, n_out) > MAX_WIDTH) then
      message = 'n_in and n_out must be 1 to ' // text_of(MAX_WIDTH)
    else if (count(is_given(weight)) /= n_in * n_out) then
      message = 'weight has ' // text_of(count(is_given(weight))) // ' values for n_in * n_out = ' // text_of(n_in * n_out)
    else if (count(is_given(bias)) /= n_out) then
      message = 'bias has ' // text_of(count(is_given(bias))) // ' values for n_out = ' // text_of(n_out)
    else if (.not. all(fits(weight(1:n_in * n_out)))) then
      message = 'weight(' // text_of(findloc(fits(weight), .false., dim=1)) // ') is not finite'
    else if (.not. all(fits(bias(1:n_out)))) then
      message = 'bias(' // text_of(findloc(fits(bias), .false., dim=1)) // ') is not finite'
    else
      layer%weight = reshape(weight(1:n_in * n_out), [n_in, n_out])
      layer%bias = bias(1:n_out)
    end if
    if (message /= '') message = '&jules_ml_layer number ' // text_of(number) // ': ' // message
  end subroutine read_layer

  !> Whether a weight is finite in 32 bits too. A gap in a list, which is marked by a huge number, is not.
  elemental logical function fits(value)
    real(real64), intent(in) :: value

    fits = .false.
    if (ieee_is_finite(value)) fits = abs(value) <= real(huge(1.0_real32), real64)
  end function fits

  !> Report neighbouring layers whose widths differ.
  subroutine check_widths(net, message)
    type(net_t), intent(in) :: net
    character(len=:), allocatable, intent(out) :: message
    integer :: width, i

    message = ''
    if (size(net%layers) == 0) message = 'there is no &jules_ml_layer: give one for each layer'
    width = size(net%inputs)
    do i = 1, size(net%layers)
      if (size(net%layers(i)%weight, 1) /= width) then
        message = '&jules_ml_layer number ' // text_of(i) // ': n_in is ' // text_of(size(net%layers(i)%weight, 1)) // &
          ', but the number of its inputs is ' // text_of(width)
        return
      end if
      width = size(net%layers(i)%bias)
    end do
    if (message == '' .and. width /= size(net%outputs)) &
      message = 'the last &jules_ml_layer has n_out = ' // text_of(width) // ', but outputs has ' // &
        text_of(size(net%outputs)) // ' names'
  end subroutine check_widths

end module jml_net
