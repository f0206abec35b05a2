#!/bin/sh
# Install missing compilers and headers by apt when run as root; otherwise print which packages to install.
# None of them is required: without a C++ compiler the column runs uncompiled, without gfortran the tests of the bridge are skipped.
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
  # shellcheck disable=SC2086 # one word per package
  (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing) >/dev/null && exit 0
fi
echo "For all features, install as root: apt-get install$missing"
