"""Which filter chains an inbound port has: one row per kind of connection that its mTLS mode lets in.

A mesh client says by ALPN that it is one and what it carries. `istio-peer-exchange` is matched, because older Istio
proxies send it, and never offered, because nothing here takes the preamble that follows it.
"""

from __future__ import annotations

from dataclasses import dataclass

from lateen.model.security import MtlsMode
from lateen.model.service import Protocol
from lateen.xds.snapshot import Config

MTLS_HTTP = ("istio-http/1.0", "istio-http/1.1", "istio-h2")
MTLS_TCP = ("istio-peer-exchange", "istio")
MTLS_ANY = (*MTLS_TCP, *MTLS_HTTP)
PLAIN_HTTP = ("http/1.1", "h2c")

TLS = "tls"
RAW = "raw_buffer"


@dataclass(frozen=True, slots=True)
class ChainMatch:
    """A kind of connection: what is matched, whether it is handled as HTTP, and whether mesh TLS ends here."""

    http: bool
    transport: str
    alpn: tuple[str, ...] = ()
    mtls: bool = False

    def config(self, port: int) -> Config:
        """Envoy's match; port 0 is any."""
        match: Config = {"destination_port": port} if port else {}
        match["transport_protocol"] = self.transport
        if self.alpn:
            match["application_protocols"] = list(self.alpn)
        return match


_MATRIX: dict[tuple[MtlsMode, str], tuple[ChainMatch, ...]] = {
    (MtlsMode.STRICT, "http"): (ChainMatch(True, TLS, mtls=True),),
    (MtlsMode.STRICT, "tcp"): (ChainMatch(False, TLS, mtls=True),),
    (MtlsMode.STRICT, "auto"): (
        ChainMatch(True, TLS, MTLS_HTTP, mtls=True),
        ChainMatch(False, TLS, mtls=True),
    ),
    # Foreign TLS to a port that is declared HTTP finds no chain: it cannot be what the application expects.
    (MtlsMode.PERMISSIVE, "http"): (
        ChainMatch(True, TLS, MTLS_ANY, mtls=True),
        ChainMatch(True, RAW),
    ),
    (MtlsMode.PERMISSIVE, "tcp"): (
        ChainMatch(False, TLS, MTLS_ANY, mtls=True),
        ChainMatch(False, TLS),
        ChainMatch(False, RAW),
    ),
    (MtlsMode.PERMISSIVE, "auto"): (
        ChainMatch(True, TLS, MTLS_HTTP, mtls=True),
        ChainMatch(True, RAW, PLAIN_HTTP),
        ChainMatch(False, TLS, MTLS_TCP, mtls=True),
        ChainMatch(False, RAW),
        ChainMatch(False, TLS),
    ),
    (MtlsMode.DISABLE, "http"): (ChainMatch(True, RAW),),
    (MtlsMode.DISABLE, "tcp"): (ChainMatch(False, RAW),),
    (MtlsMode.DISABLE, "auto"): (
        ChainMatch(True, RAW, PLAIN_HTTP),
        ChainMatch(False, RAW),
    ),
}


def chain_matches(mode: MtlsMode, protocol: Protocol) -> tuple[ChainMatch, ...]:
    """The chains of a port, in Istio's order."""
    kind = "http" if protocol.is_http else "auto" if protocol is Protocol.AUTO else "tcp"
    return _MATRIX[mode, kind]
