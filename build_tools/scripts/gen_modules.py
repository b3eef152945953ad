"""Gives the modules of `filterkit/data`: the smallest that Envoy accepts.

Both export what the proxy-wasm ABI 0.2.1 demands: `proxy_on_vm_start` and `proxy_on_configure` answer yes, memory is
handed out from a bump pointer. `noop.wasm` does nothing else and is a bootstrap extension; `empty.wasm` is an HTTP
filter that is entered for the headers of each request, and lets it pass.
"""

from __future__ import annotations

from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "lateen" / "filterkit" / "data"

I32, FUNCTION = b"\x7f", b"\x60"
TYPES = {
    "()": (b"", b""),
    "(i)": (I32, b""),
    "(i)i": (I32, I32),
    "(ii)": (I32 * 2, b""),
    "(ii)i": (I32 * 2, I32),
}
END = b"\x0b"
NOTHING, YES, CONTINUE = END, b"\x41\x01" + END, b"\x41\x00" + END
# The old bump pointer (global 0) is the answer; it grows by the size asked for, rounded up to 16.
BUMP = b"\x23\x00\x23\x00\x20\x00\x41\x0f\x6a\x41\x70\x71\x6a\x24\x00" + END
NOOP = (
    ("_initialize", "()", NOTHING),
    ("proxy_abi_version_0_2_1", "()", NOTHING),
    ("proxy_on_memory_allocate", "(i)i", BUMP),
    ("proxy_on_context_create", "(ii)", NOTHING),
    ("proxy_on_vm_start", "(ii)i", YES),
    ("proxy_on_configure", "(ii)i", YES),
)
FILTER_TYPES = TYPES | {"(iii)i": (I32 * 3, I32)}
EMPTY = (*NOOP, ("proxy_on_request_headers", "(iii)i", CONTINUE))


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


def module(functions: tuple[tuple[str, str, bytes], ...], types: dict[str, tuple[bytes, bytes]] = TYPES) -> bytes:
    """The bytes of a module that exports these functions: name, type, code."""
    kinds = list(types)
    signatures = [FUNCTION + sized(takes) + sized(gives) for takes, gives in types.values()]
    exports = [sized(b"memory") + b"\x02\x00"]
    exports += [sized(name.encode()) + b"\x00" + number(i) for i, (name, _, _) in enumerate(functions)]
    pointer = I32 + b"\x01" + b"\x41\x80\x08" + END  # a mutable i32 that starts at 1024
    return b"\x00asm\x01\x00\x00\x00" + b"".join(
        (
            section(1, vector(signatures)),
            section(3, vector([number(kinds.index(kind)) for _, kind, _ in functions])),
            section(5, vector([b"\x00\x01"])),
            section(6, vector([pointer])),
            section(7, vector(exports)),
            section(10, vector([sized(b"\x00" + code) for _, _, code in functions])),
        )
    )


def generate() -> dict[Path, bytes]:
    """What this script writes."""
    return {DATA / "noop.wasm": module(NOOP), DATA / "empty.wasm": module(EMPTY, FILTER_TYPES)}
