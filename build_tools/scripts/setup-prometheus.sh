#!/bin/sh
# Prometheus scrapes the mesh in the integration tests. Installed on Debian as root; elsewhere this says what to do.
set -eu
command -v prometheus >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "setup: installing prometheus (the integration tests query it)" >&2
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends prometheus >/dev/null
  exit 0
fi
echo "setup: install Prometheus (Debian: apt-get install prometheus) for the metrics tests" >&2
[ -z "${CI:-}" ] || exit 1
