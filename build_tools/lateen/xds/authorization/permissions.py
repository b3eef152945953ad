"""What is called: one value of one attribute as an RBAC permission."""

from __future__ import annotations

from collections.abc import Callable

from lateen.xds.authorization.matchers import cidr, header, metadata, string
from lateen.xds.snapshot import Config

Builder = Callable[[str], Config]

_TEMPLATE = "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig"
_EXPERIMENTAL = "experimental."


def host(value: str) -> Config:
    """The Host header, in any case, ports included."""
    return {"header": header(":authority", value, ignore_case=True)}


def method(value: str) -> Config:
    """The method."""
    return {"header": header(":method", value)}


def path(value: str) -> Config:
    """The path without its query; `{*}` stands for one segment, `{**}` for any number."""
    if "{*}" in value or "{**}" in value:
        template = value.replace("{**}", "**").replace("{*}", "*")
        return {
            "uri_template": {"name": "uri-template", "typed_config": {"@type": _TEMPLATE, "path_template": template}}
        }
    return {"url_path": {"path": string(value)}}


def port(value: str) -> Config:
    """The port that the connection was meant for."""
    return {"destination_port": int(value)}


def destination_ip(value: str) -> Config:
    """The address that the connection was meant for."""
    return {"destination_ip": cidr(value)}


def server_name(value: str) -> Config:
    """The SNI."""
    return {"requested_server_name": string(value)}


def filter_metadata(key: str) -> Builder:
    """Dynamic metadata that a filter wrote: `experimental.FILTER[KEY]`; a value in brackets looks into a list."""
    name, _, rest = key.removeprefix(_EXPERIMENTAL).partition("[")
    attribute = rest.removesuffix("]")

    def build(value: str) -> Config:
        in_list = value.startswith("[") and value.endswith("]")
        match = string(value[1:-1] if in_list else value)
        return {"metadata": metadata(name, (attribute,), match, in_list=in_list)}

    return build
