#!/bin/sh
# Install the compilers and headers that jules_ml uses and this machine lacks: with apt when root, else one line that says what to install.
# Nothing here is fatal: without a C++ compiler the column runs eagerly, without gfortran the bridge's tests are skipped.
set -u

missing=""
need() { # need PACKAGE COMMAND...: the command must succeed
  package=$1
  shift
  "$@" >/dev/null 2>&1 || missing="$missing $package"
}
need g++ command -v g++
need gfortran command -v gfortran
need cmake command -v cmake
need python3-venv python3 -c 'import ensurepip, venv'
need python3-dev python3 -c 'import pathlib, sysconfig; assert (pathlib.Path(sysconfig.get_path("include")) / "Python.h").exists()'
need libnetcdff-dev command -v nf-config
need "libmpich-dev mpich" command -v mpifort

[ -n "$missing" ] || exit 0
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "Installing$missing"
  # shellcheck disable=SC2086 # one word a package
  (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing) >/dev/null && exit 0
fi
echo "To have everything, install as root: apt-get install$missing"
