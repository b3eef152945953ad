"""Gives `filterkit/data/noop.wasm`: the smallest module that Envoy accepts as a bootstrap extension.

The module exports what the proxy-wasm ABI 0.2.1 demands and does nothing: `proxy_on_vm_start` and
`proxy_on_configure` answer yes, memory is handed out from a bump pointer.
"""

from __future__ import annotations

from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "lateen" / "filterkit" / "data" / "noop.wasm"

I32, FUNCTION = b"\x7f", b"\x60"
TYPES = {
    "()": (b"", b""),
    "(i)": (I32, b""),
    "(i)i": (I32, I32),
    "(ii)": (I32 * 2, b""),
    "(ii)i": (I32 * 2, I32),
}
END = b"\x0b"
NOTHING, YES = END, b"\x41\x01" + END
# The old bump pointer (global 0) is the answer; it grows by the size asked for, rounded up to 16.
BUMP = b"\x23\x00\x23\x00\x20\x00\x41\x0f\x6a\x41\x70\x71\x6a\x24\x00" + END
FUNCTIONS = (
    ("_initialize", "()", NOTHING),
    ("proxy_abi_version_0_2_1", "()", NOTHING),
    ("proxy_on_memory_allocate", "(i)i", BUMP),
    ("proxy_on_context_create", "(ii)", NOTHING),
    ("proxy_on_vm_start", "(ii)i", YES),
    ("proxy_on_configure", "(ii)i", YES),
)


def number(value: int) -> bytes:
    """Unsigned LEB128."""
    encoded = b""
    while value > 0x7F:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])


def vector(items: list[bytes]) -> bytes:
    """A length and its items."""
    return number(len(items)) + b"".join(items)


def sized(content: bytes) -> bytes:
    """A size in bytes and the content."""
    return number(len(content)) + content


def section(identity: int, content: bytes) -> bytes:
    """A section of a module."""
    return bytes([identity]) + sized(content)


def module() -> bytes:
    """The module's bytes."""
    kinds = list(TYPES)
    types = [FUNCTION + sized(takes) + sized(gives) for takes, gives in TYPES.values()]
    exports = [sized(b"memory") + b"\x02\x00"]
    exports += [sized(name.encode()) + b"\x00" + number(i) for i, (name, _, _) in enumerate(FUNCTIONS)]
    pointer = I32 + b"\x01" + b"\x41\x80\x08" + END  # a mutable i32 that starts at 1024
    return b"\x00asm\x01\x00\x00\x00" + b"".join(
        (
            section(1, vector(types)),
            section(3, vector([number(kinds.index(kind)) for _, kind, _ in FUNCTIONS])),
            section(5, vector([b"\x00\x01"])),
            section(6, vector([pointer])),
            section(7, vector(exports)),
            section(10, vector([sized(b"\x00" + code) for _, _, code in FUNCTIONS])),
        )
    )


def generate() -> dict[Path, bytes]:
    """What this script writes."""
    return {TARGET: module()}
