"""Real OCI registries on loopback: open ones, and such as ask for a login by password or by token."""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
import shutil
import socket
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID

from harness import eventually, lacking
from lateen.filterkit.catalog import catalog
from lateen.filterkit.oci import publish
from lateen.filterkit.oci.credentials import anonymous
from lateen.filterkit.oci.keys import read_private
from lateen.filterkit.oci.package import package
from lateen.filterkit.oci.reference import parse
from lateen.runtime.child import Child
from lateen.runtime.supervision import stop

USER, PASSWORD = "shop", "a password: with a colon"
HTPASSWD = f"{USER}:$2y$04$ZVPuntPNUrg0KqXZlZ7Dz.8Bv/qfotKrKKnchL1HhzY41rfS3ZfjC\n"
"""bcrypt of the password."""

EXAMPLE = "registry.example"
"""The registry of the documentation."""

SERVICE, ISSUER = "registry.test", "token service of a test"


@contextlib.contextmanager
def running_registry(folder: Path, auth: dict[str, Any] | None = None) -> Iterator[str]:
    """The address (`127.0.0.1:PORT`) of a registry that keeps everything in `folder`."""
    program = shutil.which("docker-registry")
    if program is None:
        lacking("there is no registry (Debian: docker-registry; make setup-registry)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    configuration = {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": address},
        **({"auth": auth} if auth else {}),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "registry.yaml").write_text(yaml.safe_dump(configuration))
    process = Child((program, "serve", str(folder / "registry.yaml")), folder / "registry.log")
    try:
        eventually(lambda: _answers(address))
        yield address
    finally:
        stop([process])


@contextlib.contextmanager
def password_registry(folder: Path) -> Iterator[str]:
    """A registry that knows `USER` and `PASSWORD` (HTTP basic authentication)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "htpasswd").write_text(HTPASSWD)
    with running_registry(folder, {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}) as address:
        yield address


@contextlib.contextmanager
def token_registry(folder: Path) -> Iterator[tuple[str, TokenService]]:
    """A registry that takes tokens only, and the service that gives them."""
    folder.mkdir(parents=True, exist_ok=True)
    with TokenService() as service:
        (folder / "issuer.pem").write_bytes(service.certificate.public_bytes(serialization.Encoding.PEM))
        token = {
            "realm": service.url,
            "service": SERVICE,
            "issuer": ISSUER,
            "rootcertbundle": str(folder / "issuer.pem"),
        }
        with running_registry(folder, {"token": token}) as address:
            yield address, service


@contextlib.contextmanager
def example_registry(folder: Path) -> Iterator[dict[str, str]]:
    """What stands for the words of the documentation: the registry of the examples, with the images and keys of them.

    The images are those that `push` makes of two filters of the suite, signed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with running_registry(folder / "registry") as address:
        key, public = folder / "filters.key", folder / "filters.pub"
        _write_keys(key, public)
        for name in ("peer_metadata", "tenant_context"):
            image = parse(f"{address}/filters/{name}:1.0")
            publish.push(package(catalog()[name]), image, anonymous(), read_private(key))
        yield {EXAMPLE: address, key.name: str(key), public.name: str(public)}


def _write_keys(private: Path, public: Path) -> None:
    key, pem = ec.generate_private_key(ec.SECP256R1()), serialization.Encoding.PEM
    unlocked = serialization.NoEncryption()
    private.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, unlocked))
    public.write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))


def _answers(address: str) -> bool:
    with contextlib.suppress(requests.ConnectionError):
        return requests.get(f"http://{address}/v2/", timeout=5).status_code in (200, 401)
    return False


@dataclass
class TokenService:
    """Gives tokens as the distribution project specifies them.

    Everybody may pull; with `USER` and `PASSWORD`, or the identity token `identity` by OAuth 2, one may push too.
    `granted` tells which scopes were asked for.
    """

    identity: str = field(default_factory=lambda: uuid.uuid4().hex)
    granted: list[str] = field(default_factory=list)

    def __enter__(self) -> TokenService:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = _certificate(self._key)
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
                given = self.headers.get("Authorization")
                if given not in (None, f"Basic {login}"):
                    self.send_error(401)
                    return
                self._give(query.get("scope", []), known=given is not None)

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                if (form["grant_type"], form["refresh_token"]) != (["refresh_token"], [service.identity]):
                    self.send_error(401)
                    return
                self._give(form["scope"][0].split(), known=True)

            def _give(self, scopes: list[str], *, known: bool) -> None:
                content = json.dumps({"access_token": service.token(scopes, known=known)}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The realm."""
        return f"http://127.0.0.1:{self._server.server_port}/token"

    def token(self, scopes: list[str], *, known: bool) -> str:
        """A JSON Web Token for them."""
        self.granted += scopes
        access = []
        for scope in scopes:
            kind, name, actions = scope.split(":")
            allowed = [action for action in actions.split(",") if known or action == "pull"]
            access.append({"type": kind, "name": name, "actions": allowed})
        now = int(datetime.datetime.now(datetime.UTC).timestamp())
        times = {"iat": now - 5, "nbf": now - 5, "exp": now + 300}
        claims = {"iss": ISSUER, "aud": SERVICE, "sub": USER, "jti": uuid.uuid4().hex, "access": access, **times}
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(der).decode()]}
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
        r, s = utils.decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ISSUER)])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(minutes=5))
    return builder.not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
