#!/bin/sh
# Filters are pushed to a real OCI registry in the integration tests. Installed on Debian as root; elsewhere this says
# what to do.
set -eu
command -v docker-registry >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "setup: installing docker-registry (the integration tests push filters to it)" >&2
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends docker-registry >/dev/null
  exit 0
fi
echo "setup: install a registry (Debian: apt-get install docker-registry) for the tests of filter images" >&2
[ -z "${CI:-}" ] || exit 1
