#!/bin/sh
# common.sh NAME...: install these Debian packages, unless all of them are here.
set -eu
dpkg -s "$@" >/dev/null 2>&1 && exit

# A machine that just booted may be busy with its own updates: wait for it.
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -o Acquire::Retries=3 update
apt-get -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 install --no-install-recommends "$@"
