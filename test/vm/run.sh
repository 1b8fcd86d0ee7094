#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# npm run test:vm: runs tests in a virtual machine with what the usual machine for `npm test` lacks: systemd, cgroup v2
# alone and a newer libvirt. Arguments go to mocha; by default these are the tests that need such a machine, some of which
# skip on one with both versions of cgroups, and those of starting VMs. Nothing is changed on this machine but the image below the cache.
#
# KND_VM_SUITE       suite of Debian, by default trixie; sid has the newest libvirt
# KND_KEEP_RESULTS   directory for what test/e2e/compatibility.test.ts has seen, added to what earlier runs put there
# KND_VM_TIMEOUT     seconds for all of it, by default 5400, or 21600 where the processor is emulated
# KND_VM_ACCELERATOR kvm or tcg, by default what works; "tcg,thread=single" where an emulated kernel or Node crashes
# KND_TIME_SCALE     see test/support/time-scale.ts
set -eu
cd "$(dirname "$0")/../.."

suite=${KND_VM_SUITE:-trixie}
here=test/vm
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kubevirt-node-driver

fail() {
  echo "$1" >&2
  exit 1
}

[ "$(id -u)" -eq 0 ] || fail "This makes an image with the owners of Debian's files, so it needs root. Run it with sudo."
[ "$(uname -m)" = x86_64 ] || fail "The virtual machine is for x86-64; this machine is $(uname -m)."
for tool in mmdebstrap:mmdebstrap mke2fs:e2fsprogs qemu-system-x86_64:qemu-system-x86 make:make; do
  command -v "${tool%%:*}" > /dev/null || fail "Cannot find ${tool%%:*}: install the package ${tool#*:}."
done
[ -x node_modules/.bin/mocha ] || fail "Cannot find mocha: run \"npm ci\" first."

work=$(mktemp -d "${TMPDIR:-/tmp}/knd-vm-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A /dev/kvm that is there need not run anything: see whether the firmware gets as far as its first words.
kvm_works() {
  [ -w /dev/kvm ] || return 1
  timeout 5 qemu-system-x86_64 -nodefaults -display none -accel kvm -cpu host -chardev "file,id=log,path=$work/firmware" \
    -device isa-debugcon,iobase=0x402,chardev=log < /dev/null > /dev/null 2>&1 || true
  grep -qs SeaBIOS "$work/firmware"
}

# The image: one for each list of packages and each way to make it.
list_packages() {
  sed -n '/# \(hostile\|observe\):/!s/^\([a-z0-9.+-]*\) *#.*/\1/p' test/support/debian-packages.txt $here/packages.txt
}
key=$({ echo "$suite"; list_packages; cat $here/make-image.sh; } | sha256sum | cut -c -16)
image=$cache/vm-$suite-$key
if [ ! -e "$image/root.ext4" ]; then
  mkdir -p "$cache"
  echo "Making $image, once: a few minutes and about 800 MB" >&2
  making=$(mktemp -d "$image-XXXXXX")
  trap 'rm -rf "$work" "$making"' EXIT
  # shellcheck disable=SC2046 # a list of names
  sh $here/make-image.sh "$suite" "$making" $(list_packages) >&2
  mv -T "$making" "$image"
  trap 'rm -rf "$work"' EXIT
fi

# The tree, as a tar archive on a disk of its own: no filesystem is shared with the guest.
make -s -C stub >&2
make -s -C test/fixtures >&2
[ "$#" -gt 0 ] ||
  set -- 'test/vm/*.test.ts' test/e2e/compatibility.test.ts test/e2e/placement.test.ts \
    test/e2e/refusals.test.ts 'test/integration/launch/*.test.ts' test/hostile/entry-unified.test.ts \
    test/hostile/supervisor-freeze.test.ts test/hostile/supervisor-memory.test.ts
for each in "$@"; do printf '%s\n' "$each"; done > "$work/arguments"
set -- arguments
if [ -n "${KND_KEEP_RESULTS:-}" ]; then
  mkdir -p "$KND_KEEP_RESULTS" "$work/results"
  find "$KND_KEEP_RESULTS" -maxdepth 1 -name 'libvirt-*.json' -exec cp -t "$work/results" {} +
  set -- arguments results
fi
tar -cf "$work/tree.tar" --exclude=./.git --exclude=./coverage --exclude=./node_modules/@bufbuild . -C "$work" "$@"
truncate -s %512 "$work/tree.tar"

accelerator=${KND_VM_ACCELERATOR:-}
if [ -z "$accelerator" ]; then
  accelerator=tcg
  if kvm_works; then accelerator=kvm; fi
fi
cpu=host
case $accelerator in tcg*) cpu=max ;; esac
scale=${KND_TIME_SCALE:-$([ "$accelerator" = kvm ] && echo 1 || echo 20)}
timeout=${KND_VM_TIMEOUT:-$([ "$accelerator" = kvm ] && echo 5400 || echo 21600)}

echo "Booting Debian $suite ($accelerator; ends after $timeout s at the latest)" >&2
truncate -s 4M "$work/results.tar"
status=0
timeout --foreground "$timeout" qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none \
  -machine q35 -accel "$accelerator" -cpu "$cpu" -smp 2 -m 4096 -nic none \
  -kernel "$image/vmlinuz" -initrd "$image/initrd.img" \
  -append "root=/dev/vda rw console=ttyS0 quiet panic=-1 knd.time_scale=$scale" \
  -drive "file=$image/root.ext4,format=raw,if=virtio,snapshot=on" \
  -drive "file=$work/tree.tar,format=raw,if=virtio,readonly=on" \
  -drive "file=$work/results.tar,format=raw,if=virtio" \
  -serial "file:$work/console" -serial stdio < /dev/null || status=$?
said=$(tar -xOf "$work/results.tar" ./status 2> /dev/null || true)
if [ -n "${KND_KEEP_RESULTS:-}" ]; then
  tar -xf "$work/results.tar" -C "$KND_KEEP_RESULTS" --wildcards './libvirt-*.json' || true
fi
case $status:$said in
  0:[0-9]*) exit "$said" ;;
  124:*) echo "The tests did not end within $timeout s; KND_VM_TIMEOUT sets another limit." ;;
  *)
    tail -n 50 "$work/console"
    echo "The virtual machine ended before its tests; its console is above, and QEMU's status was $status."
    ;;
esac
echo '0 passed, 1 failed'
exit 1
