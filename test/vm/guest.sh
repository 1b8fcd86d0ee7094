#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs in the virtual machine of run.sh, as its only service: the tests, and their status and results to the third disk.
set -u
stty -F /dev/ttyS1 -opost
cd /srv/tree
KND_TIME_SCALE=$(sed 's/.*knd.time_scale=\([0-9]*\).*/\1/' /proc/cmdline)
PATH="$PWD/node_modules/.bin:/usr/sbin:/usr/bin:/sbin:/bin"
HOME=/root
export KND_TIME_SCALE PATH HOME
mkdir -p /root/results
# There where what the tests have seen is wanted: what earlier runs have seen of the rest.
if [ -d results ]; then
  KND_KEEP_RESULTS=/root/results
  export KND_KEEP_RESULTS
  cp -r results/. $KND_KEEP_RESULTS
fi

echo "$(. /etc/os-release && echo "$PRETTY_NAME"), Linux $(uname -r), $(libvirtd --version), $(systemctl --version | head -n 1)"
grep cgroup /proc/self/mounts
save() {
  tar -cf /dev/vdc -C /root/results . && sync /dev/vdc
}
# What there is so far: the machine may be ended before its tests are.
while sleep 60; do save; done &
saver=$!
xargs -d '\n' mocha --no-color < arguments
status=$?
kill $saver
wait $saver
# xargs says 123 for any failure.
[ $status -lt 123 ] || status=1
echo $status > /root/results/status
save
