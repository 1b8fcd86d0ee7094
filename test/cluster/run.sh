#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# npm run test:cluster: runs the driver in a Kubernetes of one node, with a real kubelet and containerd, that is made for
# it on this machine, in PID, mount and network namespaces of its own, and ends with them. The programs of Kubernetes are
# built from its Go module, once, into the cache. Arguments go to mocha.
#
# KND_GO           the go command, by default that in the PATH or in /usr/local/go
# KND_TIME_SCALE   see test/support/time-scale.ts
set -eu
cd "$(dirname "$0")/../.."
here=$PWD/test/cluster
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kubevirt-node-driver

fail() {
  echo "$1" >&2
  exit 1
}

[ "$(id -u)" -eq 0 ] || fail "This runs a kubelet and containers, so it needs root. Run it with sudo."
for tool in etcd:etcd-server containerd:containerd runc:runc openssl:openssl ip:iproute2; do
  command -v "${tool%%:*}" > /dev/null || fail "Cannot find ${tool%%:*}: install the package ${tool#*:}."
done
[ -x /usr/lib/cni/bridge ] || fail "Cannot find /usr/lib/cni/bridge: install the package containernetworking-plugins."
[ -x node_modules/.bin/mocha ] || fail 'Cannot find mocha: run "npm ci" first.'

version=$(sed -n 's/^.*k8s\.io\/kubernetes \(v[0-9.]*\).*$/\1/p' "$here/go.mod")
programs=$cache/kubernetes-$version
if [ ! -e "$programs" ]; then
  go=${KND_GO:-$(command -v go || echo /usr/local/go/bin/go)}
  [ -x "$go" ] || fail "Cannot find go: install Go 1.24 or newer, or name it in KND_GO."
  mkdir -p "$cache"
  echo "Building Kubernetes $version into $programs, once" >&2
  making=$(mktemp -d "$programs-XXXXXX")
  trap 'rm -rf "$making"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  package=k8s.io/component-base/version
  minor=${version#v1.}
  # shellcheck disable=SC2046 # a list of packages
  (cd "$here" && CGO_ENABLED=0 nice -n 19 "$go" build -p 2 -trimpath -buildvcs=false -o "$making/" \
    -ldflags "-s -w -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}" \
    $(sed -n 's/^[[:space:]]*\(k8s\.io\/kubernetes\/cmd\/.*\)$/\1/p' go.mod)) >&2
  mv -T "$making" "$programs"
  trap - EXIT INT TERM
fi

make -s -C stub >&2
make -s -C test/fixtures >&2
PATH="$PWD/node_modules/.bin:$PATH"
KND_KUBERNETES=$programs
export PATH KND_KUBERNETES
[ "$#" -gt 0 ] || set -- 'test/cluster/*.test.ts'

# The first process of the node has to reap. When mocha has ended, all else ends with it, whatever has been left.
# shellcheck disable=SC2016 # expanded in there
exec unshare --pid --fork --kill-child --mount --mount-proc --net sh -euc '
  mount --make-rshared /
  ip link set lo up
  exec test/fixtures/build/reaper sh -c "status=0; \"\$@\" || status=\$?; kill -KILL -1 2> /dev/null || true; exit \$status" sh "$@"
' sh mocha "$@"
