#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
#   install-stub.sh PROGRAM TARGET GROUP
#
# Installs a stub, setuid root for a group, in the place of whatever was there. What runs from the old file goes on: its
# file stays until it ends, and is never written to. Whoever starts a VM meanwhile gets the old stub or the new one.
set -eu

fail() {
  echo "Cannot install the stub: $1" >&2
  exit 1
}

[ $# -eq 3 ] || fail "call it as $0 PROGRAM TARGET GROUP"
program=$1 target=$2 group=$3
directory=$(dirname -- "$target")
new="$directory/.$(basename -- "$target").new"

[ "$(id -u)" -eq 0 ] || fail "only root can; run it as root"
[ -d "$directory" ] || fail "there is no directory $directory; make it, for root alone to write to"
[ ! -d "$target" ] || fail "$target is a directory; name the file that libvirt is to execute"
case ,$(findmnt -n -o OPTIONS --target "$directory"), in
*,nosuid,*) fail "$directory is mounted with nosuid, so it would have no privileges; mount that without nosuid" ;;
esac

trap 'rm -f -- "$new"' EXIT
rm -f -- "$new"
cp -- "$program" "$new"
chown -- "root:$group" "$new"
chmod 4750 "$new" # a change of the owner takes the bit away
sync -- "$new"
mv -fT -- "$new" "$target"
sync -- "$directory"
