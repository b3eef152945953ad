#!/bin/sh
# h2load makes the requests of the data plane's benchmark. Installed on Debian as root; elsewhere this says what to do.
set -eu
command -v h2load >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "setup: installing h2load (the data plane's benchmark sends its requests)" >&2
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends nghttp2-client >/dev/null
  exit 0
fi
echo "setup: install h2load (Debian: apt-get install nghttp2-client) for the benchmark of the data plane" >&2
[ -z "${CI:-}" ] || exit 1
