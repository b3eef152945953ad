"""Rewrites every golden file from what the code gives now, and removes the ones that nothing asks for any more."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (ROOT / "build_tools/tests/golden", ROOT / "envoy_configs/storefront/compiled")


def main() -> int:
    """Delete all outputs, then let the tests that compare them write them again; inputs (`in.*`) stay."""
    command = [sys.executable, "-m", "pytest", "build_tools/tests", "-m", "golden"]
    if code := subprocess.run([*command, "--collect-only", "-q"], cwd=ROOT, check=False).returncode:
        return code  # nothing could write them again
    kept = {path: path.read_bytes() for folder in FOLDERS for path in folder.rglob("in.*")}
    for folder in FOLDERS:
        shutil.rmtree(folder, ignore_errors=True)
    for path, content in kept.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return subprocess.run(command, cwd=ROOT, env={**os.environ, "LATEEN_GOLDEN": "write"}, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
