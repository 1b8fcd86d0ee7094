#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
#   render.sh DIRECTORY   print what kustomize makes of an overlay
#   render.sh             write install.yaml, which is overlays/host-libvirt
#
# By kustomize 5, or the one in kubectl 1.27 or later.
set -eu
cd "$(dirname "$0")"
render() {
  if command -v kustomize > /dev/null; then
    kustomize build "$1"
  else
    kubectl kustomize "$1"
  fi
}
if [ $# -gt 0 ]; then
  render "$1"
  exit
fi
{
  echo "# Written by deploy/render.sh from overlays/host-libvirt. Change that instead."
  render overlays/host-libvirt
} > install.yaml.new
mv install.yaml.new install.yaml
