#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
#   build-image.sh ARCHIVE [NAME:TAG]
#
# Builds the image without a registry, with podman, for tests and for clusters that are cut off: the files are built
# here, and put by the last stage of the Dockerfile on a base that has nothing but this machine's Node 24 and its
# libraries; or on RUNTIME_IMAGE, where that is set to an image that podman has or can pull. ARCHIVE is what `ctr images import`,
# `podman load` and `docker load` take.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
archive=$1
version=$(sed -n 's/^ *"version": "\(.*\)",$/\1/p' "$root/package.json")
name=${2:-kubevirt-node-driver:$version}
revision=$(git -C "$root" rev-parse HEAD 2> /dev/null || true)
PATH="$root/node_modules/.bin:$PATH"
export PATH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
podman() {
  # A store of its own: nothing meets what the machine has, and nothing is left.
  command podman --runtime runc --cgroup-manager cgroupfs --storage-driver vfs \
    --root "$work/store" --runroot "$work/run" --tmpdir "$work/tmp" "$@"
}

# Node, the libraries that it is linked with, and the loader, at the paths that the loader looks them up at.
make_base() {
  node=$(command -v node)
  mkdir -p "$work/base/nodejs/bin" "$work/base/etc" "$work/base/tmp"
  cp -L "$node" "$work/base/nodejs/bin/node"
  ldd "$node" | sed -n 's/^[^/]*\(\/[^ ]*\) (0x.*/\1/p' | while read -r library; do
    mkdir -p "$work/base$(dirname "$library")"
    cp -L "$library" "$work/base$library"
  done
  echo 'root:x:0:0:root:/root:/sbin/nologin' > "$work/base/etc/passwd"
  echo 'root:x:0:' > "$work/base/etc/group"
  tar -C "$work/base" -c . | podman import --quiet - localhost/base:latest > /dev/null
}

make -s -C "$root/stub"
node "$here/build-bundle.ts" "$work/bundle" > /dev/null
mkdir "$work/context"
sh "$here/lay-out.sh" "$work/bundle" "$root/stub/build" "$work/context/files" "$revision"

base=${RUNTIME_IMAGE:-}
if [ -z "$base" ]; then
  make_base
  base=localhost/base:latest
fi
# The last stage alone, its files from here.
sed -n '/^FROM \${RUNTIME_IMAGE}/,$p' "$root/Dockerfile" \
  | sed 's|^COPY --from=files /files|COPY files|; 1i ARG RUNTIME_IMAGE' > "$work/Dockerfile"
podman build --quiet --isolation chroot --format oci --file "$work/Dockerfile" --build-arg "RUNTIME_IMAGE=$base" \
  --build-arg "VERSION=$version" --build-arg "REVISION=$revision" --build-arg "SOURCE=${SOURCE:-}" \
  --tag "$name" "$work/context" > /dev/null
rm -f "$archive"
podman save --quiet --format oci-archive --output "$archive" "$name"
