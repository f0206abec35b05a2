!! The messages for namelists that the bridge cannot use: they name the file, the entry and the remedy.
program test_config
  use jules_ml_bridge
  use test_assert, only: check, check_status, finish, write_file
  implicit none
  character(len=*), parameter :: F_HEAD = &
    "&jules_ml_curve version=1, name='fsth', x='sthu', x_units='1', x_min=0, x_max=1, n=3, "
  character(len=*), parameter :: F_GOOD = F_HEAD // "y=0.2,1,0.6 /"
  character(len=*), parameter :: G_GOOD = &
    "&jules_ml_curve version=1, name='ftemp', x='t_soil', x_units='K', x_min=250, x_max=320, n=2, y=0.5,2 /"
  character(len=*), parameter :: NET_HEAD = "&jules_ml_net version=1, inputs='sthu','t_soil', input_units='1','K', " // &
    "x_offset=0,280, x_scale=1,10, seen_min=0,250, seen_max=1,310, outputs='joint' /|"
  character(len=*), parameter :: LAYER = "&jules_ml_layer n_in=2, n_out=1, activation='softplus', "
  integer :: status

  call jml_init('no_such_folder/jules_ml.nml', status)
  call check_status(status, JML_OK, '', 'no configuration')
  call check(.not. (jml_enabled('respiration') .or. jml_enabled('properties') .or. jml_enabled('moisture')), 'all hooks off')

  call write_file('f.nml', F_GOOD)
  call write_file('g.nml', G_GOOD)
  call config("&jules_ml_respiration fsth_table='f.nml', ftemp_table='g.nml' /", JML_OK, '')
  call check(jml_enabled('respiration') .and. .not. jml_enabled('moisture'), 'respiration is on')

  call check(.not. reproducible_setting(), 'reproducible is off unless it is given')
  call config("&jules_ml_respiration fsth_table='f.nml', ftemp_table='g.nml' /|&jules_ml reproducible=.true. /", JML_OK, '')
  call check(reproducible_setting() .and. jml_enabled('respiration'), 'reproducible is on')
  call check(jml_kernels() == 'base', 'reproducible uses the baseline kernels')
  call config("&jules_ml reproducible=.true. /", JML_OK, '')
  call check(.not. jml_enabled('respiration') .and. jml_kernels() == '', 'reproducible alone turns no hook on')
  call config("&jules_ml reproducible='yes' /", JML_BAD_CONFIG, '&jules_ml cannot be read')

  call config("&jules_ml_respiraton fsth_table='f.nml' /", JML_BAD_CONFIG, 'config.nml, line 1: &jules_ml_respiraton')
  call config("&jules_ml_respiration fsth_tabel='f.nml' /", JML_BAD_CONFIG, 'fsth_tabel')
  call config("&jules_ml_respiration fsth_table='f.nml'", JML_BAD_CONFIG, 'with /')
  call config("&jules_ml_respiration /|&jules_ml_respiration /", JML_BAD_CONFIG, 'more than once')
  call config("&jules_ml_respiration fsth_table='f.nml' /", JML_BAD_CONFIG, 'ftemp_table')
  call config("&jules_ml_respiration backend='fortran' /", JML_BAD_CONFIG, "give 'native' or 'python'")
  call config("&jules_ml_respiration backend='python' /", JML_BAD_CONFIG, 'python_callable is missing')
  call config("&jules_ml_respiration backend='python', python_callable='ideas' /", JML_BAD_CONFIG, 'module:function')
  call config("&jules_ml_moisture python_callable='a:b' /", JML_BAD_CONFIG, 'mode is missing')
  call config("&jules_ml_moisture python_callable='a:b', mode='nudge' /", JML_BAD_CONFIG, 'tau_hours is missing')
  call config("&jules_ml_moisture python_callable='a:b', mode='nudge', tau_hours=6,6, levels=1,2,3 /", JML_BAD_CONFIG, &
    'tau_hours has 2 values for 3 levels')
  call config("&jules_ml_properties python_callable='a:b', every_days=-1 /", JML_BAD_CONFIG, 'every_days')
  call config("&jules_ml_python threads=0 /", JML_BAD_CONFIG, 'threads')
  call config("&jules_ml_ledger content='all' /", JML_BAD_CONFIG, "give 'auto', 'off', 'sums', 'points' or 'full'")
  call config("&jules_ml_ledger content='full', regions='r.txt' /", JML_BAD_CONFIG, "regions is for content = 'sums' only")
  call config("&jules_ml_ledger content='points', latitude=50,51, longitude=1 /", JML_BAD_CONFIG, &
    'latitude has 2 values and longitude 1')
  call config("&jules_ml_ledger latitude=50, longitude=1 /", JML_BAD_CONFIG, "for content = 'points' only")
  call check(.not. jml_enabled('respiration'), 'a bad configuration leaves every hook off')

  call table('', JML_BAD_TABLE, '&jules_ml_curve is missing')
  call table(F_HEAD // "y=0.2,1 /", JML_BAD_TABLE, 'n is 3 and y has 2 values')
  call table(F_HEAD // "y=0.2,NaN,0.6 /", JML_BAD_TABLE, 'y(2)')
  call table(F_HEAD // "y=0.2,-1,0.6 /", JML_BAD_TABLE, 'y(2)')
  call table(F_HEAD // "y=0.2,1,1e39 /", JML_BAD_TABLE, 'y(3)')
  call table(F_HEAD // "y=0.2,1,0.6, seen_min=0.1, seen_max=0.9, reference=0.7 /", JML_OK, '')
  call table(F_HEAD // "y=0.2,1,0.6, seen_min=NaN, seen_max=0.9 /", JML_BAD_TABLE, 'seen_min or seen_max is not finite')
  call table(F_HEAD // "y=0.2,1,0.6, seen_min=0.1, seen_max=NaN /", JML_BAD_TABLE, 'seen_min or seen_max is not finite')
  call table(F_HEAD // "y=0.2,1,0.6, seen_max=Inf /", JML_BAD_TABLE, 'seen_min or seen_max is not finite')
  call table(F_HEAD // "y=0.2,1,0.6, seen_min=0.9, seen_max=0.1 /", JML_BAD_TABLE, 'seen_max is below seen_min')
  call table(F_HEAD // "y=0.2,1,0.6, reference=NaN /", JML_BAD_TABLE, 'reference is not finite')
  call table(F_HEAD // "y(2)=0.2,1,0.6 /", JML_BAD_TABLE, 'y has a gap at 1')
  call table(F_HEAD // "y=0.2,1,0.6, x_max=NaN /", JML_BAD_TABLE, 'x_min or x_max is not finite')
  call table("&jules_ml_curve version=1, name='fsth', x='sthu', x_min=0, x_max=1, n=2, y=1,1 /", JML_BAD_TABLE, &
    "give x_units = '1'")
  call table("&jules_ml_curve version=1, name='fsth', x='sthu', x_units='%', x_min=0, x_max=1, n=2, y=1,1 /", &
    JML_BAD_TABLE, "but the unit of sthu is '1'")
  call table("&jules_ml_curve version=2, name='fsth', x='sthu', x_units='1', x_min=0, x_max=1, n=2, y=1,1 /", &
    JML_BAD_TABLE, 'version is 2')
  call table("&jules_ml_curve version=1, name='fsth', x='sthu', x_units='1', x_min=1, x_max=1, n=2, y=1,1 /", &
    JML_BAD_TABLE, 'x_max > x_min')
  call table(G_GOOD, JML_BAD_TABLE, "name is 'ftemp'")
  call config("&jules_ml_respiration fsth_table='none.nml', ftemp_table='g.nml' /", JML_BAD_TABLE, 'none.nml')

  call net(NET_HEAD // LAYER // "weight=1,0.1, bias=0 /", JML_OK, '')
  call net(NET_HEAD // LAYER // "weight=1,NaN, bias=0 /", JML_BAD_NET, 'weight(2) is not finite')
  call net(NET_HEAD // LAYER // "weight=1,1e39, bias=0 /", JML_BAD_NET, 'weight(2) is not finite')
  call net(NET_HEAD // LAYER // "weight=1, bias=0 /", JML_BAD_NET, 'weight has 1 values')
  call net(NET_HEAD, JML_BAD_NET, 'there is no &jules_ml_layer')
  call net("&jules_ml_net version=1, inputs='sthu','t_soil', input_units='1','K', x_offset=0,280, x_scale=1,10, " // &
    "seen_min=0,NaN, seen_max=1,310, outputs='joint' /|", JML_BAD_NET, 'must be finite')
  call net("&jules_ml_net version=1, inputs='sthu','t_soil', input_units='1','K', x_offset(2)=0,280, x_scale=1,10, " // &
    "seen_min=0,250, seen_max=1,310, outputs='joint' /|", JML_BAD_NET, 'has a gap')
  call net(NET_HEAD // "&jules_ml_layer n_in=2, n_out=1, activation='gelu', weight=1,1, bias=0 /", JML_BAD_NET, 'gelu')
  call net(NET_HEAD // "&jules_ml_layer n_in=1, n_out=1, activation='tanh', weight=1, bias=0 /", JML_BAD_NET, 'n_in is 1')
  call config("&jules_ml_respiration net='net.nml', fsth_table='f.nml' /", JML_BAD_NET, 'n_in is 1')
  call net(NET_HEAD // LAYER // "weight=1,0.1, bias=0 /", JML_OK, '')
  call config("&jules_ml_respiration net='net.nml', fsth_table='f.nml' /", JML_BAD_CONFIG, &
    'fsth has two sources: remove fsth_table or the net')

  call jml_finalise(status)
  call check_status(status, JML_OK, '', 'finalise')
  call finish()

contains

  logical function reproducible_setting()
    type(settings_t) :: settings

    settings = jml_settings_of()
    reproducible_setting = settings%reproducible
  end function reproducible_setting

  subroutine config(text, expected, message)
    character(len=*), intent(in) :: text, message
    integer, intent(in) :: expected

    call write_file('config.nml', text)
    call jml_init('config.nml', status)
    call check_status(status, expected, message, text)
  end subroutine config

  subroutine table(text, expected, message)
    character(len=*), intent(in) :: text, message
    integer, intent(in) :: expected

    call write_file('bad.nml', text)
    call write_file('config.nml', "&jules_ml_respiration fsth_table='bad.nml', ftemp_table='g.nml' /")
    call jml_init('config.nml', status)
    call check_status(status, expected, message, text)
  end subroutine table

  subroutine net(text, expected, message)
    character(len=*), intent(in) :: text, message
    integer, intent(in) :: expected

    call write_file('net.nml', text)
    call write_file('config.nml', "&jules_ml_respiration net='net.nml' /")
    call jml_init('config.nml', status)
    call check_status(status, expected, message, text)
  end subroutine net

end program test_config
