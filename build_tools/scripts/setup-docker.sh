#!/bin/sh
# The docker runtime needs a container engine, and nft and ip for its init image; tests of compose files its commands.
# What is there is used; on Debian as root the rest is installed (nothing is started); elsewhere this says what to do.
set -eu
PATH=$PATH:/usr/sbin:/sbin
missing=""
[ -n "${DOCKER_HOST:-}" ] || [ -S /var/run/docker.sock ] || command -v dockerd >/dev/null || missing="docker.io iptables"
command -v docker >/dev/null || missing="$missing docker.io"
command -v docker-compose >/dev/null || missing="$missing docker-compose"
command -v nft >/dev/null || missing="$missing nftables"
command -v ip >/dev/null || missing="$missing iproute2"
[ -n "$missing" ] || exit 0
missing=${missing# }
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "setup: installing $missing (the integration tests run the mesh in containers)" >&2
  apt-get update -qq
  # shellcheck disable=SC2086 # a list of packages
  DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $missing >/dev/null
  exit 0
fi
echo "setup: for the tests in containers install Docker, docker-compose, nftables and iproute2 (missing, by Debian's names: $missing)" >&2
[ -z "${CI:-}" ] || exit 1
