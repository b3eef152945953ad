"""What a registry may and may not do to its client."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from lateen.diagnostics import MeshError, Redacted
from lateen.filterkit.oci import signature, transfer
from lateen.filterkit.oci.content import IMAGE_INDEX, Blob, canonical, digest_of, image
from lateen.filterkit.oci.credentials import Credentials, anonymous
from lateen.filterkit.oci.fetch import fetch
from lateen.filterkit.oci.keys import PrivateKey
from lateen.filterkit.oci.module import pull_module
from lateen.filterkit.oci.reference import Reference, parse
from lateen.filterkit.oci.registry import Registry
from lateen.identity.ca import Authority

from .fake import FakeRegistry, Reply

MODULE = Blob("application/vnd.module.wasm.content.layer.v1+wasm", b"\0asm\1\0\0\0")
CONFIG = Blob("application/vnd.module.wasm.config.v1+json", b"{}")
IMAGE = image({"config": CONFIG.descriptor(), "layers": [CONFIG.descriptor(), MODULE.descriptor()]})
MANIFEST = Reply(content=IMAGE.manifest.content, headers={"Content-Type": IMAGE.manifest.media_type})
BLOB = f"/v2/a/blobs/{MODULE.digest}"
LOGIN = base64.b64encode(b"shop:secret").decode()


def reference(fake: FakeRegistry) -> Reference:
    return parse(f"{fake.address}/a:1")


def logged_in(fake: FakeRegistry) -> Credentials:
    return Credentials({"auths": {fake.address: {"auth": LOGIN}}}, "test", helpers=False)


def offer(fake: FakeRegistry, **replies: Reply) -> None:
    """An image at `a:1` whose module's blob can be replaced."""
    fake.replies |= {
        "GET /v2/a/manifests/1": MANIFEST,
        f"GET {BLOB}": replies.get("blob", Reply(content=MODULE.content)),
    }


def refusal(action: Callable[[], object]) -> tuple[str, str]:
    """Code and message of the one finding with which it fails."""
    with pytest.raises(MeshError) as raised:
        action()
    (finding,) = raised.value.diagnostics
    return finding.code, finding.message


def test_the_module_and_the_digest_of_its_image_are_pulled(fake: FakeRegistry) -> None:
    offer(fake)
    assert pull_module(reference(fake), anonymous()) == (MODULE.content, IMAGE.digest)


def test_other_content_than_the_digest_says_is_refused(fake: FakeRegistry) -> None:
    offer(fake, blob=Reply(content=MODULE.content + b"more"))
    code, message = refusal(lambda: pull_module(reference(fake), anonymous()))
    assert code == "LAT0634"
    assert MODULE.digest in message


def test_another_manifest_than_was_asked_for_is_refused(fake: FakeRegistry) -> None:
    pinned = parse(f"{fake.address}/a:1@sha256:{'0' * 64}")
    fake.replies[f"GET /v2/a/manifests/{pinned.digest}"] = MANIFEST
    assert refusal(lambda: pull_module(pinned, anonymous()))[0] == "LAT0634"


def test_a_manifest_that_is_not_what_the_registry_says_of_it_is_refused(fake: FakeRegistry) -> None:
    headers = {**MANIFEST.headers, "Docker-Content-Digest": f"sha256:{'0' * 64}"}
    fake.replies["GET /v2/a/manifests/1"] = Reply(content=MANIFEST.content, headers=headers)
    assert refusal(lambda: pull_module(reference(fake), anonymous()))[0] == "LAT0634"


@pytest.mark.parametrize(
    "blob",
    [Reply(content=b"x" * 65_536, endless=True), Reply(headers={"Content-Length": "1000000000"})],
    ids=["without end", "declared"],
)
def test_content_beyond_the_limit_is_not_read(fake: FakeRegistry, blob: Reply) -> None:
    offer(fake, blob=blob)
    code, message = refusal(lambda: pull_module(reference(fake), anonymous(), 1_000_000))
    assert code == "LAT0635"
    assert "more than 1000000 bytes" in message


def test_a_manifest_without_end_is_not_read(fake: FakeRegistry) -> None:
    fake.replies["GET /v2/a/manifests/1"] = Reply(content=b" " * 1_000_000, endless=True)
    assert refusal(lambda: pull_module(reference(fake), anonymous()))[0] == "LAT0635"


def test_content_that_never_ends_slowly_is_given_up(fake: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "TRANSFER_SECONDS", 0.1)
    offer(fake, blob=Reply(content=b"x", endless=True))
    code, message = refusal(lambda: pull_module(reference(fake), anonymous(), 1 << 40))
    assert (code, "takes more than 0.1 s" in message) == ("LAT0631", True)


def test_content_that_is_cut_off_is_refused(fake: FakeRegistry) -> None:
    headers = {"Content-Length": str(len(MODULE.content) + 1), "Connection": "close"}
    offer(fake, blob=Reply(content=MODULE.content, headers=headers))
    assert refusal(lambda: pull_module(reference(fake), anonymous()))[0] == "LAT0631"


def test_a_short_outage_is_waited_for(fake: FakeRegistry) -> None:
    offer(fake)
    fake.replies["GET /v2/a/manifests/1"] = [Reply(503), Reply(429, headers={"Retry-After": "86400"}), MANIFEST]
    assert pull_module(reference(fake), anonymous()).content == MODULE.content


def test_an_outage_is_not_waited_for_for_ever(fake: FakeRegistry) -> None:
    fake.replies["GET /v2/a/manifests/1"] = Reply(503, json.dumps({"errors": [{"message": "down\x1b[31m"}]}).encode())
    code, message = refusal(lambda: pull_module(reference(fake), anonymous()))
    assert code == "LAT0633"
    assert message.endswith(": down [31m")
    assert len(fake.requests) == 3


def test_a_registry_that_is_not_there_cannot_be_reached() -> None:
    code, message = refusal(lambda: pull_module(parse("127.0.0.1:1/a:1"), anonymous()))
    assert code == "LAT0631"
    assert "Connection refused" in message


def test_plain_http_is_spoken_to_another_machine_on_demand_only(
    fake: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(fake)
    resolve(monkeypatch, "registry.test")
    there = parse(f"registry.test:{fake.server_port}/a:1")
    assert refusal(lambda: pull_module(there, anonymous()))[0] == "LAT0631"
    assert fake.requests == []
    assert pull_module(there, anonymous(), plain_http=True).content == MODULE.content


def test_a_login_does_not_follow_a_redirect_to_another_host(fake: FakeRegistry, elsewhere: FakeRegistry) -> None:
    challenge = Reply(401, headers={"WWW-Authenticate": 'Basic realm="x"'})
    offer(fake, blob=Reply(307, headers={"Location": f"http://{elsewhere.address}/blob"}))
    fake.replies["GET /v2/a/manifests/1"] = [challenge, MANIFEST]
    elsewhere.replies["GET /blob"] = Reply(content=MODULE.content)
    assert pull_module(reference(fake), logged_in(fake)).content == MODULE.content
    assert fake.authorizations(BLOB) == [f"Basic {LOGIN}"]
    assert elsewhere.authorizations("/blob") == [None]


def test_another_host_cannot_ask_for_the_login(fake: FakeRegistry, elsewhere: FakeRegistry) -> None:
    offer(fake, blob=Reply(307, headers={"Location": f"http://{elsewhere.address}/blob"}))
    elsewhere.replies["GET /blob"] = Reply(401, headers={"WWW-Authenticate": 'Basic realm="x"'})
    assert refusal(lambda: pull_module(reference(fake), logged_in(fake)))[0] == "LAT0632"
    assert elsewhere.authorizations("/blob") == [None]


def test_an_upload_elsewhere_carries_no_login(fake: FakeRegistry, elsewhere: FakeRegistry) -> None:
    challenge = Reply(401, headers={"WWW-Authenticate": 'Basic realm="x"'})
    there = Reply(202, headers={"Location": f"http://{elsewhere.address}/upload?part=1"})
    fake.replies |= {f"HEAD {BLOB}": [challenge, Reply(404)], "POST /v2/a/blobs/uploads/": there}
    elsewhere.replies["PUT /upload"] = Reply(201)
    with Registry(reference(fake), logged_in(fake), push=True) as registry:
        registry.put_blob(MODULE)
    assert fake.authorizations("/v2/a/blobs/uploads/") == [f"Basic {LOGIN}"]
    assert elsewhere.authorizations("/upload") == [None]


def test_redirects_end(fake: FakeRegistry) -> None:
    fake.replies["GET /v2/a/manifests/1"] = Reply(302, headers={"Location": "1"})
    code, message = refusal(lambda: pull_module(reference(fake), anonymous()))
    assert (code, "redirects more than 5 times" in message) == ("LAT0631", True)


def test_tls_is_never_left(fake: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by a redirect of a read nor by where an upload is to go."""
    host, tls = "registry.test", FakeRegistry()
    certify(tls, tmp_path, host)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "root.pem"))
    resolve(monkeypatch, host)
    away = {"Location": f"http://{fake.address}/blob"}
    tls.replies |= {
        "GET /v2/a/manifests/1": MANIFEST,
        f"GET {BLOB}": Reply(307, headers=away),
        f"HEAD {BLOB}": Reply(404),
        "POST /v2/a/blobs/uploads/": Reply(202, headers=away),
    }
    image = parse(f"{host}:{tls.server_port}/a:1")
    threading.Thread(target=tls.serve_forever, args=(0.02,), daemon=True).start()
    with tls, Registry(image, anonymous(), push=True) as registry:
        for action in (lambda: pull_module(image, anonymous()), lambda: registry.put_blob(MODULE)):
            assert refusal(action) == ("LAT0631", f"{image.registry} cannot be reached: it leads away from TLS")
        tls.shutdown()
    assert fake.requests == []


def certify(server: FakeRegistry, folder: Path, host: str) -> None:
    """Let the server speak TLS as `host`, vouched for by `root.pem`."""
    authority = Authority.create("cluster.local")
    certificate = authority.issue_host(host)
    (folder / "root.pem").write_bytes(authority.root_pem)
    (folder / "chain.pem").write_bytes(certificate.chain)
    (folder / "key.pem").write_bytes(certificate.key.reveal())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)


def resolve(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """A name for loopback, as a line of /etc/hosts would give it."""
    known = socket.getaddrinfo

    def getaddrinfo(name: str, *arguments: Any, **options: Any) -> Any:
        return known("127.0.0.1" if name == host else name, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.mark.parametrize(
    ("challenge", "reason"),
    [
        ("", "it does not say how to log in"),
        ('Negotiate realm="x"', "it does not say how to log in"),
        ('Basic realm="x"', "there is no login to it"),
        ('Bearer realm="ftp://x/token"', "its token service is not reached by HTTP"),
        ("Bearer", "it does not say how to log in"),
    ],
)
def test_a_challenge_that_cannot_be_answered_denies(fake: FakeRegistry, challenge: str, reason: str) -> None:
    headers = {"WWW-Authenticate": challenge} if challenge else {}
    fake.replies["GET /v2/a/manifests/1"] = Reply(401, headers=headers)
    code, message = refusal(lambda: pull_module(reference(fake), anonymous()))
    assert (code, message.endswith(reason)) == ("LAT0632", True), message


@pytest.mark.parametrize(
    ("reply", "code", "reason"),
    [
        (Reply(401, b"secret"), "LAT0632", "its token service answers with status 401"),
        (Reply(200, b"secret"), "LAT0632", "its token service gives no token"),
        (Reply(200, b'{"token": ""}'), "LAT0632", "its token service gives no token"),
        (Reply(302, headers={"Location": "/else"}), "LAT0632", "its token service answers with status 302"),
        (Reply(200, b" " * 65_536, endless=True), "LAT0631", "TooLargeError"),
    ],
)
def test_a_token_service_that_gives_none_denies(
    fake: FakeRegistry, elsewhere: FakeRegistry, reply: Reply, code: str, reason: str
) -> None:
    realm = f'Bearer realm="http://{elsewhere.address}/token",service="s"'
    fake.replies["GET /v2/a/manifests/1"] = Reply(401, headers={"WWW-Authenticate": realm})
    elsewhere.replies["GET /token"] = reply
    found, message = refusal(lambda: pull_module(reference(fake), logged_in(fake)))
    assert (found, reason in message) == (code, True), message
    assert "secret" not in message


def test_a_token_that_the_registry_does_not_take_denies_and_is_not_printed(
    fake: FakeRegistry, elsewhere: FakeRegistry
) -> None:
    realm = f'Bearer realm="http://{elsewhere.address}/token",service="s"'
    fake.replies["GET /v2/a/manifests/1"] = Reply(401, headers={"WWW-Authenticate": realm})
    elsewhere.replies["GET /token"] = Reply(200, b'{"token": "tokenized"}')
    code, message = refusal(lambda: pull_module(reference(fake), logged_in(fake)))
    assert code == "LAT0632"
    assert "tokenized" not in message
    assert fake.authorizations("/v2/a/manifests/1") == [None, "Bearer tokenized"]


def test_no_login_is_taken_from_netrc(fake: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login shop password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    offer(fake)
    pull_module(reference(fake), anonymous())
    assert {request.authorization for request in fake.requests} == {None}


@pytest.mark.parametrize("digest", ["../../../secret", "sha512:" + "0" * 128, "", "sha256:" + "G" * 64])
def test_what_is_no_digest_is_not_asked_for(fake: FakeRegistry, digest: str) -> None:
    layer = {**MODULE.descriptor(), "digest": digest}
    bad = image({"config": CONFIG.descriptor(), "layers": [CONFIG.descriptor(), layer]})
    fake.replies["GET /v2/a/manifests/1"] = Reply(content=bad.manifest.content, headers=MANIFEST.headers)
    assert refusal(lambda: pull_module(reference(fake), anonymous()))[0] == "LAT0633"
    assert len(fake.requests) == 1


def test_an_index_leads_to_the_image_that_istio_takes(fake: FakeRegistry) -> None:
    platforms = [{"os": "linux", "architecture": "arm64"}, {"os": "linux", "architecture": "amd64"}]
    manifests = [{**IMAGE.manifest.descriptor(), "platform": platform} for platform in platforms]
    manifests[0]["digest"] = f"sha256:{'0' * 64}"
    index = canonical({"schemaVersion": 2, "manifests": manifests})
    kind = {"Content-Type": "application/vnd.oci.image.index.v1+json"}
    offer(fake)
    fake.replies |= {
        "GET /v2/a/manifests/1": Reply(content=index, headers=kind),
        f"GET /v2/a/manifests/{IMAGE.digest}": MANIFEST,
    }
    assert pull_module(reference(fake), anonymous()) == (MODULE.content, IMAGE.digest)


@pytest.mark.parametrize("signer", ["ours", "theirs"])
def test_the_signature_of_an_index_is_one_of_the_images_in_it(fake: FakeRegistry, signer: str) -> None:
    keys = {name: PrivateKey(ec.generate_private_key(ec.SECP256R1()), name) for name in ("ours", "theirs")}
    entry = IMAGE.manifest.descriptor() | {"platform": {"os": "linux", "architecture": "amd64"}}
    index = canonical({"schemaVersion": 2, "manifests": [entry]})
    named = {"type": "cosign container image signature", "image": {"docker-manifest-digest": digest_of(index)}}
    payload = Blob(signature.PAYLOAD, canonical({"critical": named}))
    signed = base64.b64encode(keys[signer].sign(payload.content)).decode()
    layers = canonical({"layers": [payload.descriptor({signature.ANNOTATION: signed})]})
    offer(fake)
    fake.replies |= {
        "GET /v2/a/manifests/1": Reply(content=index, headers={"Content-Type": IMAGE_INDEX}),
        f"GET /v2/a/manifests/{IMAGE.digest}": MANIFEST,
        f"GET /v2/a/manifests/{signature.signature_tag(digest_of(index))}": Reply(content=layers),
        f"GET /v2/a/blobs/{payload.digest}": Reply(content=payload.content),
    }
    with Registry(reference(fake), anonymous()) as registry:
        if signer == "ours":
            assert fetch(registry, reference(fake), keys["ours"].public).content == MODULE.content
        else:
            code, message = refusal(lambda: fetch(registry, reference(fake), keys["ours"].public))
            assert (code, "none of its signatures is by this key" in message) == ("LAT0637", True)


@pytest.mark.parametrize(
    "index", [b"[]", b'{"manifests": 5}', b'{"manifests": [5]}', b'{"manifests": [{"platform": "linux"}]}', b"no JSON"]
)
def test_a_broken_index_is_said_to_be_so(fake: FakeRegistry, index: bytes) -> None:
    kind = {"Content-Type": "application/vnd.oci.image.index.v1+json"}
    fake.replies["GET /v2/a/manifests/1"] = Reply(content=index, headers=kind)
    assert refusal(lambda: pull_module(reference(fake), anonymous()))[0] == "LAT0636"


def test_what_a_manifest_says_of_itself_cannot_control_a_terminal(fake: FakeRegistry) -> None:
    layer = {**MODULE.descriptor(), "mediaType": "\x1b[2Jx"}
    odd = image({"config": CONFIG.descriptor(), "layers": [layer]})
    fake.replies["GET /v2/a/manifests/1"] = Reply(content=odd.manifest.content, headers=MANIFEST.headers)
    code, message = refusal(lambda: pull_module(reference(fake), anonymous()))
    assert (code, message.isprintable()) == ("LAT0636", True)


def test_referrers_come_from_the_api_of_the_registry(fake: FakeRegistry) -> None:
    entry = MODULE.descriptor()
    index = canonical({"mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry]})
    fake.replies[f"GET /v2/a/referrers/{IMAGE.digest}"] = Reply(content=index)
    with Registry(reference(fake), anonymous()) as registry:
        assert registry.referrers(IMAGE.digest) == [entry]
    assert len(fake.requests) == 1


def test_a_tag_of_something_else_is_not_taken_for_referrers(fake: FakeRegistry) -> None:
    tag = IMAGE.digest.replace(":", "-")
    fake.replies[f"GET /v2/a/manifests/{tag}"] = MANIFEST
    with Registry(reference(fake), anonymous()) as registry:
        code, message = refusal(lambda: registry.referrers(IMAGE.digest))
    assert (code, "it is no image index" in message) == ("LAT0633", True)


@pytest.mark.parametrize("location", ["http://[::1/a", "http://a..b/a"])
def test_a_redirect_to_nowhere_is_no_answer(fake: FakeRegistry, location: str) -> None:
    offer(fake, blob=Reply(307, headers={"Location": location}))
    assert refusal(lambda: pull_module(reference(fake), anonymous()))[0] == "LAT0631"


def test_a_registry_with_a_name_that_no_host_can_have_is_not_reached() -> None:
    assert refusal(lambda: pull_module(parse("a..b/c:1"), anonymous()))[0] == "LAT0631"


def test_an_error_that_nests_without_end_is_told_by_its_status(fake: FakeRegistry) -> None:
    fake.replies["GET /v2/a/manifests/1"] = Reply(500, b"[" * 60_000)
    code, message = refusal(lambda: pull_module(reference(fake), anonymous()))
    assert (code, "HTTP status 500" in message) == ("LAT0633", True)


@pytest.mark.parametrize("answer", [b'{"token": "hunter2\\n"}', b'{"token": "h\xc3\xbcnter2"}', b"[" * 60_000])
def test_a_token_that_no_header_can_hold_is_none_and_not_shown(fake: FakeRegistry, answer: bytes) -> None:
    challenge = {"WWW-Authenticate": f'Bearer realm="http://{fake.address}/token",service="a"'}
    fake.replies |= {"GET /v2/a/manifests/1": Reply(401, headers=challenge), "GET /token": Reply(content=answer)}
    code, message = refusal(lambda: pull_module(reference(fake), anonymous()))
    assert (code, "its token service gives no token" in message) == ("LAT0632", True)


def test_a_password_is_never_shown() -> None:
    login = Credentials({"auths": {"a.example": {"auth": LOGIN}}}, "test", helpers=False).login("a.example")
    assert login is not None
    assert login.password == Redacted(b"secret")
    assert "secret" not in repr(login)
    assert digest_of(b"") == f"sha256:{'e3b0c442' + '98fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'}"
