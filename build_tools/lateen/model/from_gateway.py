"""Gateway: the ports that routers serve."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.diagnostics.codes import model as codes
from lateen.model import hosts
from lateen.model.checks import exclusive, port_number, valid_host
from lateen.model.context import Context
from lateen.model.fields import Fields
from lateen.model.gateway import Gateway, Server, ServerTls
from lateen.model.identity import Selector

_PROTOCOLS = ("HTTP", "HTTPS", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY", "TLS", "TCP", "MONGO", "MYSQL", "REDIS")
CIPHER_SUITES = (
    *(f"ECDHE-{key}-{suite}" for suite in ("AES128-GCM-SHA256", "AES256-GCM-SHA384") for key in ("ECDSA", "RSA")),
    *(
        f"ECDHE-{key}-{suite}"
        for suite in ("CHACHA20-POLY1305", "AES128-SHA", "AES256-SHA")
        for key in ("ECDSA", "RSA")
    ),
    *("AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA", "AES256-SHA", "DES-CBC3-SHA"),
)
"""The suites of TLS 1.2 and below that Istio lets through to Envoy (`ValidCipherSuites`)."""

_TERMINATING = ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL")


def gateways(body: Fields, _context: Context) -> Iterator[Gateway]:
    """The gateway of one Gateway resource."""
    spec = body.section("spec")
    sections = spec.sections("servers")
    if not spec.wrote("servers"):
        spec.report(codes.MISSING, problem="a Gateway needs servers")
    _check_names(sections)
    servers = tuple(server for server in map(_server, sections) if server)
    yield Gateway(body.ref, Selector(spec.pairs("selector")), servers, body.resource.created)


def _check_names(sections: tuple[Fields, ...]) -> None:
    ports: set[str] = set()
    names: set[str] = set()
    for section in sections:
        port_name, name = section.section("port").text("name"), section.text("name")
        if port_name and port_name in ports:
            section.report(codes.DUPLICATE, "port", "name", problem=f"two servers have the port name {port_name!r}")
        if name and name in names:
            section.report(codes.DUPLICATE, "name", problem=f"two servers have the name {name!r}")
        ports.add(port_name)
        names.add(name)


def _server(section: Fields) -> Server | None:
    port = section.section("port")
    number = port_number(port)
    protocol = port.text("protocol").upper()
    if protocol not in _PROTOCOLS:
        port.report(codes.INVALID_PORT, "protocol", problem=f"{protocol or 'nothing'!r} is not a protocol of a gateway")
    if not port.text("name"):
        port.report(codes.INVALID_PORT, problem="the port has no name")
    names = tuple(host for i, text in enumerate(section.texts("hosts")) if (host := _host(section, text, i)))
    if not section.wrote("hosts"):
        section.report(codes.MISSING, problem="a server needs hosts; * takes all")
    bind = section.text("bind")
    if bind and not hosts.is_address(bind) and not bind.startswith("unix://"):
        section.report(codes.INVALID_ADDRESS, "bind", problem=f"{bind!r} is not an address")
        bind = ""
    tls = section.section("tls")
    if protocol in ("HTTPS", "TLS") and not tls:
        section.report(codes.INVALID_TLS, problem=f"a server of protocol {protocol} needs tls")
    if protocol in ("HTTP", "HTTP2", "GRPC", "GRPC-WEB") and tls.text("mode"):
        section.report(codes.INVALID_TLS, "tls", key=True, problem=f"a server of protocol {protocol} has no tls mode")
    if not number:
        return None
    return Server(
        port=number,
        port_name=port.text("name"),
        protocol=protocol,
        hosts=names,
        tls=_server_tls(tls, protocol) if tls else None,
        bind=bind,
        name=section.text("name"),
        path=section.path,
    )


def _host(section: Fields, text: str, index: int) -> tuple[str, str] | None:
    namespace, slash, host = text.rpartition("/")
    own = section.resource.namespace
    if slash and not (namespace in ("*", ".") or hosts.is_dns_label(namespace)):
        problem = f"{text!r} does not begin with a namespace, * or ."
        section.report(codes.INVALID_HOST, "hosts", index, problem=problem)
        return None
    if not valid_host(section, host, "hosts", index):
        return None
    return (own if namespace == "." else namespace or "*", host)


def _server_tls(section: Fields, protocol: str) -> ServerTls:
    mode = section.text("mode")
    if not mode and not section.flag("httpsRedirect"):
        mode = "PASSTHROUGH"
    names = section.texts("credentialNames")
    credential = section.text("credentialName")
    exclusive(section, "credentialName", "credentialNames")
    tls = ServerTls(
        mode=mode,
        https_redirect=section.flag("httpsRedirect") or False,
        credential_names=names or ((credential,) if credential else ()),
        server_certificate=section.text("serverCertificate"),
        private_key=section.text("privateKey"),
        ca_certificates=section.text("caCertificates"),
        subject_alt_names=section.texts("subjectAltNames"),
        min_version=section.text("minProtocolVersion").removeprefix("TLS_AUTO"),
        max_version=section.text("maxProtocolVersion").removeprefix("TLS_AUTO"),
        cipher_suites=tuple(_cipher_suites(section)),
    )
    _check_tls(section, tls, protocol)
    return tls


def _cipher_suites(section: Fields) -> Iterator[str]:
    """The suites that Envoy knows, each once: one other name would make it refuse the whole listener."""
    seen: set[str] = set()
    for index, suite in enumerate(section.texts("cipherSuites")):
        if suite in CIPHER_SUITES and suite not in seen:
            seen.add(suite)
            yield suite
        else:
            section.report(codes.CIPHER_SUITE, "cipherSuites", index, suite=suite)


def _check_tls(section: Fields, tls: ServerTls, protocol: str) -> None:
    if tls.mode in _TERMINATING and not tls.credential_names and "tlsCertificates" not in section:
        needed = {"serverCertificate": tls.server_certificate, "privateKey": tls.private_key}
        if tls.mode != "SIMPLE":
            needed["caCertificates"] = tls.ca_certificates
        missing = " and ".join(name for name, value in needed.items() if not value)
        if missing:
            section.report(codes.INVALID_TLS, problem=f"{tls.mode} needs {missing}, or credentialName")
    if tls.mode == "ISTIO_MUTUAL":
        for name in ("serverCertificate", "privateKey", "caCertificates", "credentialName", "credentialNames"):
            if name in section:
                problem = f"ISTIO_MUTUAL uses the mesh's certificates, not {name}"
                section.report(codes.INVALID_TLS, name, key=True, problem=problem)
    if protocol == "HTTPS" and tls.mode in ("PASSTHROUGH", "AUTO_PASSTHROUGH") and tls.https_redirect:
        section.report(codes.CONTRADICTION, "httpsRedirect", problem=f"httpsRedirect excludes {tls.mode}")
    if tls.min_version and tls.max_version and tls.min_version > tls.max_version:
        section.report(codes.CONTRADICTION, problem="minProtocolVersion is above maxProtocolVersion")
