#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the compiler was asked for must be in the binaries: static, position-independent, RELRO, NOW, NX.
set -eu

fail() {
  echo "$1: $2" >&2
  exit 1
}

for binary in "$@"; do
  headers=$(readelf -lW "$binary")
  dynamic=$(readelf -dW "$binary")
  case $headers in *INTERP*) fail "$binary" "has an interpreter" ;; esac
  case $headers in *GNU_RELRO*) ;; *) fail "$binary" "has no RELRO segment" ;; esac
  case $headers in *"DYN (Position-Independent"*) ;; *) fail "$binary" "is not position-independent" ;; esac
  echo "$headers" | grep -q 'GNU_STACK.* RW ' || fail "$binary" "has an executable stack"
  echo "$headers" | grep -q 'LOAD.*RWE' && fail "$binary" "has a writable and executable segment"
  case $dynamic in *NEEDED*) fail "$binary" "needs a shared library" ;; esac
  case $dynamic in *RPATH* | *RUNPATH*) fail "$binary" "has an rpath" ;; esac
  grep -q failpoint "$binary" && fail "$binary" "has failpoints"
  case $dynamic in *BIND_NOW*) ;; *) fail "$binary" "binds lazily" ;; esac
done

# The first two are the stubs.
for stub in "$1" "$2"; do
  size=$(stat -c %s "$stub")
  [ "$size" -lt 102400 ] || fail "$stub" "has $size bytes, the limit is 102400"
done
