#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# npm run demo: installs what the demo needs on a Debian 12 with Node, builds, and runs main.ts.
set -eu
cd "$(dirname "$0")/../.."

# libvirt-daemon without libvirt-daemon-system: the programs, but no service that would start.
packages="libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients qemu-system-x86 runc gcc libc6-dev make musl-tools"

yes=no
for argument in "$@"; do
  case $argument in
    --help) exec sed -n '/^Usage/,/^EOT/{/^EOT/!p}' "$0" ;;
    --yes) yes=yes ;;
    --keep | --clean | --json) ;;
    *)
      echo "Unknown option \"$argument\"; see npm run demo -- --help" >&2
      exit 2
      ;;
  esac
done

: << 'EOT'
Usage: sudo npm run demo [-- OPTION…]

Starts a VM with a libvirt of its own and shows that its QEMU runs in its pod. Needs root, Debian 12 and Node 20 or
newer; installs what else it needs. Removes all it has made, apart from the packages.

  --keep   leave everything running, and say how to look around
  --clean  remove what --keep or an aborted run left
  --json   print the result as one JSON document; progress goes to standard error
  --yes    do not ask before installing
  --help   this text
EOT

if [ "$(id -u)" -ne 0 ]; then
  echo 'The demo starts containers and libvirt, so it needs root. Run: sudo npm run demo' >&2
  exit 1
fi
if [ "$(uname -m)" != x86_64 ]; then
  echo "The demo's guest and packages are for x86-64; this machine is $(uname -m)." >&2
  exit 1
fi
node_version=$(node --version 2> /dev/null || echo v0)
node_major=${node_version#v}
if [ "${node_major%%.*}" -lt 20 ]; then
  echo "The demo needs Node 20 or newer, not ${node_version}; see https://nodejs.org" >&2
  exit 1
fi

# What is missing.
missing=
for package in $packages; do
  state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2> /dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
modules=
if [ ! -e node_modules/.package-lock.json ] || [ node_modules/.package-lock.json -ot package-lock.json ]; then
  modules="the npm packages of package-lock.json, into $PWD/node_modules"
fi

# All of this is progress: standard output is the demo's own.
if [ -n "$missing$modules" ]; then
  {
    echo 'The demo will install:'
    [ -z "$missing" ] || echo "  Debian packages:$missing (and what they depend on)"
    [ -z "$modules" ] || echo "  $modules"
  } >&2
  if [ "$yes" = no ] && [ -t 0 ] && [ -t 2 ]; then
    printf 'Go ahead? [y/N] ' >&2
    read -r answer
    case $answer in
      [yY] | [yY][eE][sS]) ;;
      *)
        echo 'Nothing was installed.' >&2
        exit 1
        ;;
    esac
  fi
fi
if [ -n "$missing" ]; then
  if ! command -v apt-get > /dev/null; then
    echo "Cannot install packages: there is no apt-get. Install the like of:$missing" >&2
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update >&2
  # shellcheck disable=SC2086 # a list of names
  apt-get -qq install --yes --no-install-recommends $missing >&2
fi
[ -z "$modules" ] || npm ci >&2

make -s -C stub >&2
make -s -C test/fixtures >&2
exec node_modules/.bin/node test/demo/main.ts "$@"
