"""What a source gives, and why it gives nothing."""

from __future__ import annotations

from dataclasses import dataclass

from lateen.diagnostics import Code
from lateen.diagnostics.codes.fetch import NOT_WASM
from lateen.filterkit.module import BrokenModuleError, check_sections
from lateen.modules.module import MAGIC, shown

LIMIT = 256 << 20
"""Bytes of a module, packed or not: Istio's `ISTIO_WASM_MAX_BINARY_SIZE_BYTES`."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The bytes of a module, and the digest (`sha256:...`) of the manifest of the image that they came in."""

    content: bytes
    image: str = ""


class FetchError(Exception):
    """A module does not come: a code with what its message needs, for whoever knows where the URL stands."""

    def __init__(self, code: Code, *, hint: str = "", **details: object) -> None:
        super().__init__(code.code)
        self.code, self.hint, self.details = code, hint, details


def wasm(url: str, content: bytes) -> bytes:
    """The content, if it is a Wasm module with all of its sections. Raises FetchError (LAT0642).

    What is in them costs a parser many times their size, and it is a stranger's: it is not read.
    """
    if content.startswith(MAGIC):
        try:
            check_sections(content)
        except BrokenModuleError as error:
            raise FetchError(NOT_WASM, url=shown(url), reason=error) from error
        return content
    component = content.startswith(MAGIC[:4])
    reason = "it is a component, and Envoy runs core modules" if component else "it does not begin as one"
    raise FetchError(NOT_WASM, url=shown(url), reason=reason if content else "it is empty")
