#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# npm test: installs what is missing, builds, and runs all tests. Arguments go to mocha.
set -eu
cd "$(dirname "$0")/.."
sh test/support/prepare.sh tests
PATH="$PWD/node_modules/.bin:$PATH"
export PATH
if [ "$#" -gt 0 ]; then
  exec mocha "$@"
fi
KND_WHOLE_RUN=1 exec mocha 'test/{unit,integration,hostile,e2e}/**/*.test.ts'
