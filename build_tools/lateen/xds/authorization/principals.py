"""Who calls: one value of one attribute as an RBAC principal.

Each builder takes a value and gives the principal. Identities come from the peer certificate's URI SAN.
"""

from __future__ import annotations

from collections.abc import Callable

from lateen.xds.authorization.matchers import cidr, header, metadata, quoted, regex, string
from lateen.xds.snapshot import Config

Builder = Callable[[str], Config]

SPIFFE = "spiffe://"
_JWT = "envoy.filters.http.jwt_authn"


def identity(value: str) -> Config:
    """A principal `TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`."""
    return _authenticated(string(value, SPIFFE))


def namespace(value: str) -> Config:
    """A namespace of the caller; a wildcard stands for any part of its name."""
    return _authenticated(regex(f".*/ns/{_glob(value)}/.*"))


def service_account(value: str, default_namespace: str) -> Config:
    """A service account, `NAMESPACE/NAME`, or `NAME` in the policy's own namespace."""
    space, _, account = value.rpartition("/")
    return _authenticated(
        regex(f"spiffe://.+/ns/{quoted(space or default_namespace)}/(.+/|)sa/{quoted(account)}(/.+)?")
    )


def trust_domain(value: str) -> Config:
    """A trust domain; a wildcard does not reach past it."""
    if "*" in value:
        return _authenticated(regex(f"spiffe://{_glob(value, '[^/]*')}/.*"))
    return _authenticated({"prefix": f"{SPIFFE}{value}/"})


def direct_ip(value: str) -> Config:
    """The address of the connection itself."""
    return {"direct_remote_ip": cidr(value)}


def remote_ip(value: str) -> Config:
    """The client's address as proxies in front have reported it."""
    return {"remote_ip": cidr(value)}


def request_header(name: str) -> Builder:
    """A header of the request."""
    return lambda value: {"header": header(name, value)}


def request_principal(value: str) -> Config:
    """`ISSUER/SUBJECT` of a validated JWT; the last slash divides, since an issuer may be a URL."""
    issuer, subject = _jwt_parts(value)
    return _all(_claim(("iss",), issuer), _claim(("sub",), subject))


def _jwt_parts(value: str) -> tuple[Config, Config]:
    """Matches of issuer and subject. A wildcard counts at the ends of the whole value only; without a slash it stands
    for the part that is not given, and without a wildcard either the subject must be empty. (Istio, generator.go.)"""
    issuer, slash, subject = value.rpartition("/")
    if value == "*":
        return string("*"), string("*")
    if value.startswith("*"):
        return (string(issuer), {"exact": subject}) if slash else (string("*"), string(value))
    if value.endswith("*"):
        return ({"exact": issuer}, string(subject)) if slash else (string(value), string("*"))
    return ({"exact": issuer}, {"exact": subject}) if slash else ({"exact": value}, {"exact": ""})


def audience(value: str) -> Config:
    """One of a JWT's audiences, which may be a string or a list."""
    return claim(("aud",))(value)


def presenter(value: str) -> Config:
    """The party that a JWT was issued to."""
    return claim(("azp",))(value)


def claim(path: tuple[str, ...]) -> Builder:
    """A claim of a JWT: a string, or a list that has the value."""
    return lambda value: {
        "or_ids": {"ids": [_claim(path, string(value)), _claim(path, string(value), in_list=True)]},
    }


def _claim(path: tuple[str, ...], match: Config, *, in_list: bool = False) -> Config:
    return {"metadata": metadata(_JWT, ("payload", *path), match, in_list=in_list)}


def _authenticated(match: Config) -> Config:
    return {"authenticated": {"principal_name": match}}


def _all(*principals: Config) -> Config:
    return {"and_ids": {"ids": list(principals)}}


def _glob(value: str, any_text: str = ".*") -> str:
    return any_text.join(quoted(part) for part in value.split("*"))
