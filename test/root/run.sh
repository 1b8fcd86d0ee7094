#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# npm run test:root SUITE [MOCHA ARGUMENTS]: runs tests on this machine's kernel with the libvirt, QEMU and container
# runtimes of another Debian suite, such as sid. Nothing is changed on this machine but the root below the cache.
set -eu
cd "$(dirname "$0")/../.."
tree=$PWD
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kubevirt-node-driver

fail() {
  echo "$1" >&2
  exit 1
}

[ "$#" -ge 1 ] || fail 'Usage: npm run test:root SUITE [MOCHA ARGUMENTS], with a suite of Debian such as "sid".'
suite=$1
shift
[ "$(id -u)" -eq 0 ] || fail 'This mounts and makes containers, so it needs root. Run it with sudo.'
for tool in mmdebstrap:mmdebstrap make:make unshare:util-linux; do
  command -v "${tool%%:*}" > /dev/null || fail "Cannot find ${tool%%:*}: install the package ${tool#*:}."
done
[ -x node_modules/.bin/mocha ] || fail 'Cannot find mocha: run "npm ci" first.'

list_packages() {
  sed -n '/# \(hostile\|observe\):/!s/^\([a-z0-9.+-]*\) *#.*/\1/p' test/support/debian-packages.txt
  echo procps
}
key=$({ echo "$suite"; list_packages; cat test/root/run.sh; } | sha256sum | cut -c -16)
root=$cache/root-$suite-$key
if [ ! -e "$root" ]; then
  mkdir -p "$cache"
  echo "Making $root, once: a few minutes and about 1 GB" >&2
  making=$(mktemp -d "$root-XXXXXX")
  trap 'rm -rf "$making"' EXIT
  # A mirror's sid may be a snapshot, whose signature is good and whose date is past.
  mmdebstrap --quiet --variant=minbase --mode=root --include="$(list_packages | paste -sd , -)" \
    --aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Check-Valid-Until "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' "$suite" "$making" >&2
  mkdir -p "$making/srv/tree"
  mv -T "$making" "$root"
  trap - EXIT
fi

make -s -C stub >&2
make -s -C test/fixtures >&2
[ "$#" -gt 0 ] || set -- 'test/e2e/**/*.test.ts' 'test/integration/launch/*.test.ts'

# In a mount namespace of its own, which takes all of these mounts with it. The kernel's file systems are the machine's.
# shellcheck disable=SC2016 # expanded in there
exec unshare --mount --propagation slave sh -euc '
  root=$1 tree=$2
  shift 2
  mount --bind "$root" "$root"
  mount --bind "$tree" "$root/srv/tree"
  for each in proc sys dev; do mount --rbind "/$each" "$root/$each"; done
  mount -t tmpfs -o mode=755 none "$root/run"
  mount -t tmpfs none "$root/tmp"
  cd "$root"
  mkdir -p run/old-root
  pivot_root . run/old-root
  umount -l /run/old-root
  cd /srv/tree
  export HOME=/root PATH=/srv/tree/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  . /etc/os-release
  echo "$PRETTY_NAME, Linux $(uname -r), $(libvirtd --version), $(qemu-system-x86_64 --version | head -n 1)" >&2
  exec mocha "$@"
' sh "$root" "$tree" "$@"
