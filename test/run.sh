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
# In CI, what fails is run once more and named in the end: one flicker in thousands of tests on a strange machine is to be
# seen, and not to stop a release. What fails twice has failed. Suites in which one success of an attacker is too many say
# retries(0) themselves.
KND_WHOLE_RUN=1 exec mocha ${CI:+--retries 1} 'test/{unit,integration,hostile,e2e}/**/*.test.ts'
