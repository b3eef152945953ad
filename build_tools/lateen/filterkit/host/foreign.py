"""Envoy's foreign functions, those with CEL expressions aside: `expr_*` needs Envoy itself and is not found here."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)

from lateen.filterkit.host import wire
from lateen.filterkit.host.abi import Refused, Status

if TYPE_CHECKING:
    from lateen.filterkit.host.vm import Vm

KINDS = ("bytes", "string", "flatbuffers", "protobuf")
"""How a property can be declared."""

FACTORIES = frozenset(
    ("envoy.string", "envoy.tcp_proxy.cluster", "envoy.network.upstream_server_name", "envoy.ratelimit.hits_addend")
)
"""Filter state that `set_envoy_filter_state` can make, of what Envoy knows."""

_HASHES: dict[bytes, type[hashes.HashAlgorithm]] = {
    b"sha1": hashes.SHA1,
    b"sha224": hashes.SHA224,
    b"sha256": hashes.SHA256,
    b"sha384": hashes.SHA384,
    b"sha512": hashes.SHA512,
}


def call_foreign_function(vm: Vm, name: str, argument: bytes) -> bytes:
    """Raises Refused: not found, or what the function answers."""
    function = _FUNCTIONS.get(name)
    if function is None:
        raise Refused(Status.NOT_FOUND)
    return function(vm, argument)


def verify(hash_name: bytes, key: object, signature: bytes, text: bytes) -> str:
    """Why a signature is not that of the text, or empty if it is: with RSA (PKCS #1 v1.5) or ECDSA."""
    kind = _HASHES.get(hash_name.lower())
    if kind is None:
        return f"{hash_name.decode(errors='replace')} is not supported."
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, text, padding.PKCS1v15(), kind())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, text, ec.ECDSA(kind()))
        else:
            return "Failed to initialize digest verify."
    except InvalidSignature:
        return "Failed to verify digest. Error code: 0"
    return ""


def public_key(der: bytes, pem: bytes = b"") -> object | None:
    """The key; None if it is none."""
    try:
        return load_pem_public_key(pem) if pem else load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm):
        return None


def _declare_property(vm: Vm, argument: bytes) -> bytes:
    fields = _message(argument)
    name, kind = wire.text(fields, 1), wire.number(fields, 3)
    if name in vm.declared:
        raise Refused(Status.BAD_ARGUMENT)
    vm.declared[name] = (KINDS[kind] if kind < len(KINDS) else KINDS[0], bool(wire.number(fields, 2)))
    return b""


def _set_envoy_filter_state(vm: Vm, argument: bytes) -> bytes:
    from lateen.filterkit.host.stream import State  # noqa: PLC0415

    fields = _message(argument)
    path = wire.text(fields, 1).decode(errors="replace")
    stream = vm.context.stream
    if path not in FACTORIES or stream is None:
        raise Refused(Status.NOT_FOUND)
    stream.info.filter_state[path] = State(wire.text(fields, 2), "string")
    return b""


def _clear_route_cache(_vm: Vm, _argument: bytes) -> bytes:
    return b""


def _compress(_vm: Vm, argument: bytes) -> bytes:
    return zlib.compress(argument)


def _uncompress(_vm: Vm, argument: bytes) -> bytes:
    try:
        return zlib.decompress(argument)
    except zlib.error:
        raise Refused(Status.SERIALIZATION_FAILURE) from None


def _verify_signature(_vm: Vm, argument: bytes) -> bytes:
    fields = _message(argument)
    key = public_key(wire.text(fields, 2), wire.text(fields, 5))
    error = verify(wire.text(fields, 1), key, wire.text(fields, 3), wire.text(fields, 4))
    return wire.write({1: int(not error), 2: error.encode()})


def _sign(_vm: Vm, argument: bytes) -> bytes:
    fields = _message(argument)
    kind = _HASHES.get(wire.text(fields, 1).lower())
    pem, der, text = wire.text(fields, 4), wire.text(fields, 2), wire.text(fields, 3)
    try:
        key = load_pem_private_key(pem, None) if pem else load_der_private_key(der, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return wire.write({3: b"Failed to import private key."})
    if kind is not None and isinstance(key, rsa.RSAPrivateKey):
        return wire.write({1: 1, 2: key.sign(text, padding.PKCS1v15(), kind())})
    if kind is not None and isinstance(key, ec.EllipticCurvePrivateKey):
        return wire.write({1: 1, 2: key.sign(text, ec.ECDSA(kind()))})
    return wire.write({3: b"Failed to initialize digest sign."})


def _message(argument: bytes) -> dict[int, wire.Value]:
    try:
        return wire.read(argument)
    except ValueError:
        raise Refused(Status.BAD_ARGUMENT) from None


_FUNCTIONS: dict[str, Callable[[Vm, bytes], bytes]] = {
    "declare_property": _declare_property,
    "set_envoy_filter_state": _set_envoy_filter_state,
    "clear_route_cache": _clear_route_cache,
    "compress": _compress,
    "uncompress": _uncompress,
    "verify_signature": _verify_signature,
    "sign": _sign,
}
