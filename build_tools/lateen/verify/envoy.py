"""The verdict of a real Envoy."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import orjson

from lateen.schema.binary import broken

_SECONDS = 120
_PREFIX = re.compile(r"error initializing configuration '[^']*': ")
_FIELD_RULE = re.compile(r"Proto constraint validation failed \((?P<reason>.*)\)", re.DOTALL)
_LOG_HEAD = re.compile(r"^\[\d{4}-[^\]]*\]\[\d+\]\[\w+\]\[\w+\] \[[^\]]*\] ", re.MULTILINE)


def ask(binary: Path, config: dict[str, Any], file: Path) -> str:
    """What Envoy has against a bootstrap, empty if nothing. `file` is written for it and removed again.

    Raises MeshError (LAT0502) if Envoy does not start or does not end.
    """
    file.touch(mode=0o600)
    file.write_bytes(orjson.dumps(config))
    command = [str(binary), "--mode", "validate", "-c", str(file), "--log-level", "critical"]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise broken(binary, str(error)) from error
    finally:
        file.unlink()
    if answer.returncode == 0:
        return ""
    if _PREFIX.search(answer.stderr) is None:
        raise broken(binary, answer.stderr.strip()[-300:] or f"it ended with {answer.returncode}")
    return shorten(answer.stderr)


def shorten(text: str) -> str:
    """Envoy's reason without log heads; of a field rule only the rule, not the whole message that is printed first."""
    rule = _FIELD_RULE.search(text)
    if rule:
        return rule["reason"].rpartition("caused by ")[2].strip()
    reason = _PREFIX.split(_LOG_HEAD.sub("", text), maxsplit=1)[-1]
    return reason.strip()
