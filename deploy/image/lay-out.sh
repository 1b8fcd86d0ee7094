#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
#   lay-out.sh BUNDLE PROGRAMS DIRECTORY [REVISION]
#
# Lays the files of the image out in DIRECTORY, which must not exist: the bundle as /app, the programs in C where the
# daemon looks for them, and node-driver on the PATH.
set -eu
umask 022
bundle=$1 programs=$2 directory=$3 revision=${4:-}

mkdir -p "$(dirname "$directory")"
mkdir "$directory"
mkdir -p "$directory/app/stub/build" "$directory/usr/local/bin"
cp -R "$bundle/." "$directory/app/"
for program in qemu-kube qemu-kube-exec qemu-kube-broker qemu-kube-shim node-driver; do
  cp "$programs/$program" "$directory/app/stub/build/$program"
done
chmod -R u=rwX,go=rX "$directory"
chmod 755 "$directory/app/stub/build/"*
ln -s ../../../app/stub/build/node-driver "$directory/usr/local/bin/node-driver"
[ -z "$revision" ] || echo "$revision" > "$directory/app/commit"
