"""Istio's value forms (`*`, `x*`, `*x`, exact) as Envoy matchers."""

from __future__ import annotations

import re
from ipaddress import ip_network

from lateen.xds.snapshot import Config

_SPECIAL = re.compile(r"[.+?()|\[\]{}^$\\*]")


def quoted(text: str) -> str:
    """`text` as a regular expression that matches only it."""
    return _SPECIAL.sub(lambda found: "\\" + found.group(), text)


def regex(pattern: str) -> Config:
    """A string that matches the whole of a regular expression."""
    return {"safe_regex": {"regex": pattern}}


def string(value: str, prefix: str = "") -> Config:
    """A StringMatcher; `prefix` is put before what the value says (`spiffe://`).

    `*` means any value but the empty one. With a prefix a suffix value needs a regular expression.
    """
    if value == "*":
        return regex(".+")
    if value.startswith("*"):
        return regex(f"{quoted(prefix)}.*{quoted(value[1:])}") if prefix else {"suffix": value[1:]}
    if value.endswith("*"):
        return {"prefix": prefix + value[:-1]}
    return {"exact": prefix + value}


def header(name: str, value: str, *, ignore_case: bool = False) -> Config:
    """A HeaderMatcher; `*` means that the header is there."""
    if value == "*":
        return {"name": name, "present_match": True}
    match = string(value)
    return {"name": name, "string_match": match | ({"ignore_case": True} if ignore_case else {})}


def metadata(namespace: str, path: tuple[str, ...], match: Config, *, in_list: bool = False) -> Config:
    """A MetadataMatcher on a string, or on some element of a list."""
    value: Config = {"string_match": match}
    if in_list:
        value = {"list_match": {"one_of": value}}
    return {"filter": namespace, "path": [{"key": key} for key in path], "value": value}


def cidr(block: str) -> Config:
    """A CidrRange; a bare address is a range of one."""
    network = ip_network(block, strict=False)
    return {"address_prefix": str(block).partition("/")[0], "prefix_len": network.prefixlen}
