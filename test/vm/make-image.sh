#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# make-image.sh SUITE DIRECTORY PACKAGE...: makes root.ext4, vmlinuz and initrd.img of a Debian that runs the tests of
# the tree on its second disk as its only service, and powers off.
set -eu
suite=$1
directory=$2
shift 2
packages=$(echo "$@" | tr ' ' ,)
root=$directory/root

mmdebstrap --variant=minbase --mode=root --include="$packages" \
  --aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Check-Valid-Until "false"' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  "$suite" "$root"

cat > "$root/etc/systemd/system/tests.service" << 'END'
[Unit]
Description=Tests of the tree on the second disk
After=multi-user.target
# Whatever happens, the machine ends.
SuccessAction=poweroff-force
FailureAction=poweroff-force

[Service]
Type=oneshot
WorkingDirectory=/root
ExecStartPre=/bin/mkdir -p /srv/tree
ExecStartPre=/bin/tar -xf /dev/vdb -C /srv/tree
ExecStart=/bin/sh /srv/tree/test/vm/guest.sh
StandardOutput=file:/dev/ttyS1
StandardError=inherit
TimeoutStartSec=infinity

[Install]
WantedBy=default.target
END
enable() {
  ln -sf "/$1" "$root/etc/systemd/system/$2"
}
mkdir -p "$root/etc/systemd/system/default.target.wants"
enable etc/systemd/system/tests.service default.target.wants/tests.service
# The tests start what they need; these would only cost time.
for unit in libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket virtlogd.socket virtlogd.service \
  virtlockd.socket libvirt-guests.service containerd.service serial-getty@ttyS0.service apt-daily.timer \
  apt-daily-upgrade.timer dpkg-db-backup.timer systemd-networkd-wait-online.service; do
  enable dev/null "$unit"
done
# libvirtd's own profile lets it execute nothing below the tests' directories; a test of AppArmor brings its own profile.
for profile in usr.sbin.libvirtd usr.lib.libvirt.virt-aa-helper; do
  mkdir -p "$root/etc/apparmor.d/disable"
  ln -sf "/etc/apparmor.d/$profile" "$root/etc/apparmor.d/disable/$profile"
done
echo knd-vm > "$root/etc/hostname"

cp "$root"/boot/vmlinuz-* "$directory/vmlinuz"
cp "$root"/boot/initrd.img-* "$directory/initrd.img"
mke2fs -q -t ext4 -d "$root" -E root_owner=0:0 "$directory/root.ext4" 4G
rm -rf "$root"
