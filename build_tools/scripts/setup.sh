#!/bin/sh
# Sets up what running and developing lateen needs, in .venv; idempotent, and says what it does.
# A user needs nothing but Python 3.11 or later; no root.
set -eu
cd "$(dirname "$0")/../.."

say() { printf 'setup: %s\n' "$*" >&2; }

python=""
for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
  if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  say "Python 3.11 or later with the venv module is needed (Debian: apt-get install python3 python3-venv)"
  exit 2
fi

wanted=$(cat requirements.lock pyproject.toml | sha256sum | cut -d' ' -f1)
if [ "$(cat .venv/lateen.stamp 2>/dev/null || true)" = "$wanted" ] && .venv/bin/python -c 'import lateen' 2>/dev/null; then
  exit 0
fi

if command -v uv >/dev/null; then
  uv=uv
else
  if ! [ -x .boot/bin/uv ]; then
    say "installing uv (the package installer) into .boot"
    "$python" -m venv .boot
    .boot/bin/python -m pip install --quiet --disable-pip-version-check uv
  fi
  uv=.boot/bin/uv
fi

say "installing Python packages, stock Envoy among them, into .venv (versions and hashes: requirements.lock)"
.venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || "$uv" venv --quiet --clear --python "$python" .venv
"$uv" pip sync --quiet --require-hashes requirements.lock --python .venv/bin/python
"$uv" pip install --quiet --no-deps --editable . --python .venv/bin/python
printf '%s' "$wanted" > .venv/lateen.stamp
