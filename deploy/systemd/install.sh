#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
#   install.sh [DESTDIR]
#
# Builds the daemon and the programs in C in this clone, after "npm ci", and installs them on this machine, or below DESTDIR:
# docs/installation.md lists the files. An installation that is there stays as app.old. Starts nothing, and touches no stub.
set -eu
umask 022
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
destination=${1:-}
library=$destination/usr/local/lib/kubevirt-node-driver
PATH="$root/node_modules/.bin:$PATH"
export PATH

fail() {
  echo "Cannot install: $1" >&2
  exit 1
}
[ -n "$destination" ] || [ "$(id -u)" -eq 0 ] || fail 'only root can; run it as root, or name a DESTDIR'
[ -x "$root/node_modules/.bin/esbuild" ] || fail "the npm packages are missing; run: npm --prefix $root ci"
[ -x "$root/node_modules/.bin/node" ] || fail "Node 24 is missing; run: npm --prefix $root run prepare"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
revision=$(git -C "$root" rev-parse HEAD 2> /dev/null || true)
make -s -C "$root/stub"
node "$root/deploy/image/build-bundle.ts" "$work/bundle" > /dev/null
sh "$root/deploy/image/lay-out.sh" "$work/bundle" "$root/stub/build" "$work/files" "$revision"
install -D -m 755 "$root/node_modules/.bin/node" "$work/files/app/bin/node"

# The new one is there as a whole before it takes the place of the old one.
mkdir -p "$library/emulators"
rm -rf "$library/app.new"
cp -R "$work/files/app" "$library/app.new"
if [ -e "$library/app" ]; then
  rm -rf "$library/app.old"
  mv "$library/app" "$library/app.old"
fi
mv "$library/app.new" "$library/app"

mkdir -p "$destination/usr/local/bin" "$destination/etc/kubevirt"
ln -sfn ../lib/kubevirt-node-driver/app/stub/build/node-driver "$destination/usr/local/bin/node-driver"
[ -e "$destination/etc/kubevirt/qemu-kube.conf" ] \
  || install -m 644 "$here/qemu-kube.conf" "$destination/etc/kubevirt/qemu-kube.conf"
install -D -m 644 "$here/node-driver.service" "$destination/etc/systemd/system/node-driver.service"
for page in "$root"/docs/man/*.[1-8]; do
  install -D -m 644 "$page" "$destination/usr/local/share/man/man${page##*.}/${page##*/}"
done
"$library/app/stub/build/node-driver" completion bash > "$work/completion"
install -D -m 644 "$work/completion" "$destination/usr/local/share/bash-completion/completions/node-driver"

"$library/app/stub/build/node-driver" --version
echo "Installed into $library/app; next: systemctl daemon-reload && systemctl enable --now node-driver"
