"""The verdict of a real Envoy."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import orjson

from lateen.schema.binary import broken

_SECONDS = 120
_PREFIX = re.compile(r"error initializing configuration '[^']*': ")
_FIELD_RULE = re.compile(r"Proto constraint validation failed \((?P<reason>.*)\)", re.DOTALL)
_NOT_PARSED = re.compile(r"Unable to parse JSON as proto \((?P<reason>.*?)\): \{", re.DOTALL)
_LOG_HEAD = re.compile(r"^\[\d{4}-[^\]]*\]\[\d+\]\[\w+\]\[\w+\] \[[^\]]*\] ", re.MULTILINE)


def ask(binary: Path, config: dict[str, Any], folder: Path) -> str:
    """What Envoy has against a bootstrap, empty if nothing. The file in `folder` that it reads has mode 0600.

    Raises MeshError (LAT0502) if Envoy does not start or does not end.
    """
    with NamedTemporaryFile(suffix=".json", dir=folder) as file:
        file.write(orjson.dumps(config))
        file.flush()
        command = [str(binary), "--mode", "validate", "-c", file.name, "--log-level", "critical"]
        try:
            answer = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise broken(binary, str(error)) from error
    if answer.returncode == 0:
        return ""
    if _PREFIX.search(answer.stderr) is None:
        raise broken(binary, answer.stderr.strip()[-300:] or f"it ended with {answer.returncode}")
    return shorten(answer.stderr)


def shorten(text: str) -> str:
    """Envoy's reason without log heads, and without the whole message that it prints before or after some."""
    rule = _FIELD_RULE.search(text)
    if rule:
        return rule["reason"].rpartition("caused by ")[2]
    if parsing := _NOT_PARSED.search(text):
        return parsing["reason"]
    return " ".join(_PREFIX.split(_LOG_HEAD.sub("", text), maxsplit=1)[-1].split())
