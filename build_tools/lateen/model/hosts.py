"""Host names: short names, wildcards, and which names are names at all."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

_LABEL = re.compile(r"[a-zA-Z0-9_](?:[-a-zA-Z0-9_]*[a-zA-Z0-9_])?", re.ASCII)
_DNS_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?", re.ASCII)


def resolve(host: str, namespace: str, domain_suffix: str) -> str:
    """The full name of `host` as seen from `namespace`.

    A name with a dot, a wildcard and an address stay as they are; `a` becomes `a.NAMESPACE.svc.SUFFIX`,
    and `a.NAMESPACE` where the suffix is empty (Istio: `ResolveShortnameToFQDN`).
    """
    if not host or host == "*" or "." in host or is_address(host):
        return host
    return service_host(host, namespace, domain_suffix)


def service_host(name: str, namespace: str, domain_suffix: str) -> str:
    """The full name of a Kubernetes service."""
    return f"{name}.{namespace}.svc.{domain_suffix}" if domain_suffix else f"{name}.{namespace}"


def is_address(text: str) -> bool:
    """Whether this is an IPv4 or IPv6 address."""
    if "." not in text and ":" not in text:  # most hosts are short names, and an exception is slow
        return False
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_network(text: str) -> bool:
    """Whether this is an address or a CIDR block."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def is_wildcard(host: str) -> bool:
    """Whether the host stands for many (`*`, `*.example.com`)."""
    return host.startswith("*")


def matches(pattern: str, host: str) -> bool:
    """Whether every name that `host` stands for is covered by `pattern`; both may be wildcards.

    `*.example.com` covers `a.b.example.com` and `*.a.example.com`, never `example.com`.
    """
    if not is_wildcard(pattern):
        return pattern == host
    suffix = pattern[1:]
    return host.removeprefix("*").endswith(suffix) and (is_wildcard(host) or len(host) > len(suffix) or pattern == "*")


def overlap(one: str, other: str) -> bool:
    """Whether some name is covered by both."""
    return matches(one, other) or matches(other, one)


def specificity(host: str) -> tuple[bool, int, str]:
    """A sort key that puts exact names before wildcards and longer wildcards before shorter ones."""
    return (is_wildcard(host), -len(host) if is_wildcard(host) else 0, host)


def fault(host: str, *, wildcard: bool = True) -> str:
    """Why `host` is not a valid host, or an empty string (Istio: `ValidateWildcardDomain`, `ValidateFQDN`)."""
    if not host:
        return "a host is empty"
    if len(host) > 255:
        return f"{host!r} is longer than 255 characters"
    labels = host.removesuffix(".").split(".")
    if labels[0].startswith("*"):
        if not wildcard:
            return f"{host!r} is a wildcard, which is not allowed here"
        if labels[0] != "*" and not _LABEL.fullmatch(labels[0].removeprefix("*").lstrip("-") or "a"):
            return f"{host!r} is not a host name"
        labels = labels[1:]
    bad = next((label for label in labels if len(label) > 63 or not _LABEL.fullmatch(label)), None)
    if bad is None:
        return ""
    return f"{host!r} is not a host name: {bad!r} is not a DNS label" if bad else f"{host!r} has an empty label"


def is_dns_label(text: str) -> bool:
    """Whether this is a lower-case DNS label of at most 63 characters, as names of subsets and ports must be."""
    return len(text) <= 63 and _DNS_LABEL.fullmatch(text) is not None
