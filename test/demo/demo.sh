#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# npm run demo: installs what the demo needs on a Debian 12 with Node, builds, and runs main.ts.
set -eu
cd "$(dirname "$0")/../.."

yes=
for argument in "$@"; do
  case $argument in
    --help) exec sed -n '/^Usage/,/^EOT/{/^EOT/!p}' "$0" ;;
    --yes) yes=--yes ;;
    --keep | --clean | --json) ;;
    *)
      echo "Unknown option \"$argument\"; see npm run demo -- --help" >&2
      exit 2
      ;;
  esac
done

: << 'EOT'
Usage: sudo npm run demo [-- OPTION…]

Starts a VM with a libvirt of its own and shows that its QEMU runs in its pod. Needs root, Debian 12 and any Node
with npm; installs what else it needs. Removes all it has made, apart from the packages.

  --keep   leave everything running, and say how to look around
  --clean  remove what --keep or an aborted run left
  --json   print the result as one JSON document; progress goes to standard error
  --yes    do not ask before installing
  --help   this text
EOT

sh test/support/prepare.sh demo "$yes"
exec node_modules/.bin/node test/demo/main.ts "$@"
