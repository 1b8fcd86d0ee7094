#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# prepare.sh demo|tests [--yes]: installs what is missing on a Debian 12 with any Node and npm, and builds the programs
# in C. Asks before it installs where somebody sits at a terminal. All it prints is progress, on standard error.
set -eu
cd "$(dirname "$0")/../.."
purpose=$1
yes=${2:-}

fail() {
  echo "$1" >&2
  exit 1
}

[ "$(id -u)" -eq 0 ] || fail "This starts containers and libvirt, so it needs root. Run it with sudo."
[ "$(uname -m)" = x86_64 ] || fail "The guest and the packages are for x86-64; this machine is $(uname -m)."

packages=
purposes="demo\|$purpose"
[ "$purpose" != tests ] || purposes="$purposes\|hostile\|observe"
for package in $(sed -n "s/^\([a-z0-9.+-]*\) *# \($purposes\):.*/\1/p" test/support/debian-packages.txt); do
  state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2> /dev/null || true)
  [ "$state" = installed ] || packages="$packages $package"
done
modules=
if [ ! -e node_modules/.package-lock.json ] || [ node_modules/.package-lock.json -ot package-lock.json ]; then
  modules="the npm packages of package-lock.json, a Node 24 among them, into $PWD/node_modules"
fi

if [ -n "$packages$modules" ]; then
  {
    echo "This will install:"
    [ -z "$packages" ] || echo "  Debian packages:$packages (and what they depend on)"
    [ -z "$modules" ] || echo "  $modules"
  } >&2
  if [ "$yes" != --yes ] && [ -t 0 ] && [ -t 2 ]; then
    printf 'Go ahead? [y/N] ' >&2
    read -r answer
    case $answer in
      [yY] | [yY][eE][sS]) ;;
      *) fail 'Nothing was installed.' ;;
    esac
  fi
fi

if [ -n "$packages" ]; then
  command -v apt-get > /dev/null || fail "Cannot install packages: there is no apt-get. Install the like of:$packages"
  # The services that packages bring are not wanted: everything here starts its own.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update >&2
  # shellcheck disable=SC2086 # a list of names
  apt-get -qq install --yes --no-install-recommends $packages >&2
fi
[ -z "$modules" ] || npm ci >&2

make -s -C stub >&2
make -s -C test/fixtures >&2
