#!/bin/sh
# Install missing compilers and headers by apt when run as root; otherwise print which packages to install.
# None of them is required: without a C++ compiler the column runs uncompiled, without gfortran the tests of the bridge are skipped.
# The extra packages are other compilers and another MPI library to test the hooks with, and a browser to test the reports in; they are
# installed where apt has them.
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

extra=""
want() { # want PACKAGES COMMAND
  command -v "$2" >/dev/null 2>&1 || extra="$extra $1"
}
want gfortran-11 gfortran-11
want flang-19 flang-new-19
want chromium chromium
want "libopenmpi-dev openmpi-bin" mpif90.openmpi

apt_install() {
  # shellcheck disable=SC2068 # one word per package
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $@ >/dev/null
}

[ -n "$missing$extra" ] || exit 0
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1 && apt-get update -qq >/dev/null; then
  available=""
  for package in $extra; do
    apt-cache show "$package" >/dev/null 2>&1 && available="$available $package"
  done
  [ -z "$missing$available" ] || echo "Installing$missing$available"
  # separately: an extra package must not prevent the installation of the others
  [ -z "$missing" ] || ! apt_install "$missing" || missing=""
  [ -z "$available" ] || apt_install --no-install-recommends "$available" || echo "Not installed:$available"
fi
[ -z "$missing" ] || echo "For all features, install as root: apt-get install$missing"
