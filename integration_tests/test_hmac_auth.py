"""The recipe of `hmac_auth` on a real Envoy with two workers; Python's `hmac` signs, with the present time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from recipe import Application, Recipe

GITHUB = "It's a Secret to Everybody"
PAYMENTS = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PARTNER = "a secret of one partner"


@pytest.fixture(scope="module")
def application() -> Iterator[Application]:
    with Application() as running:
        yield running


@pytest.fixture(scope="module")
def envoy(application: Application, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recipe]:
    variables = {"GITHUB_SECRET": GITHUB, "PAYMENTS_SECRET": PAYMENTS, "PARTNER_SECRET": PARTNER}
    folder = tmp_path_factory.mktemp("hmac_auth")
    with Recipe("hmac_auth", folder, application.port, workers=2, **variables) as running:
        yield running


def partner(method: str, path: str, body: bytes, at: float | None = None, nonce: str | None = None) -> dict[str, str]:
    """The headers of a partner's request."""
    seconds, nonce = str(int(time.time() if at is None else at)), nonce or secrets.token_hex(16)
    parts = [method, *path.partition("?")[::2], seconds, nonce, hashlib.sha256(body).hexdigest()]
    signature = hmac.new(PARTNER.encode(), "\n".join(parts).encode(), "sha256").hexdigest()
    return {"x-key-id": "partner-2026", "x-timestamp": seconds, "x-nonce": nonce, "x-signature": signature}


def webhook(message: str, body: bytes, at: float | None = None) -> dict[str, str]:
    """The headers of a Standard Webhook."""
    seconds = str(int(time.time() if at is None else at))
    key = base64.b64decode(PAYMENTS.removeprefix("whsec_"))
    code = hmac.new(key, f"{message}.{seconds}.".encode() + body, "sha256").digest()
    signature = f"v1,{base64.b64encode(code).decode()}"
    return {"webhook-id": message, "webhook-timestamp": seconds, "webhook-signature": signature}


def post(envoy: Recipe, path: str, body: bytes, headers: dict[str, str]) -> int:
    return requests.post(f"{envoy.url}{path}", data=body, headers=headers, timeout=10).status_code


def test_a_signed_request_arrives_whole_with_the_name_of_its_key(envoy: Recipe, application: Application) -> None:
    body = secrets.token_bytes(100_000)
    headers = partner("POST", "/api/orders?dry=1", body) | {"x-hmac-key-id": "forged"}
    assert post(envoy, "/api/orders?dry=1", body, headers) == 200
    arrived, content = application.arrived[-1]
    assert (arrived["x-hmac-key-id"], content) == ("partner-2026", body)


def test_what_is_not_signed_like_this_does_not_arrive(envoy: Recipe, application: Application) -> None:
    before = len(application.arrived)
    headers = partner("POST", "/api/orders", b"1")
    assert post(envoy, "/api/orders", b"2", headers) == 401
    assert post(envoy, "/api/others", b"1", headers) == 401
    assert post(envoy, "/api/orders", b"1", headers | {"x-nonce": "another"}) == 401
    assert post(envoy, "/api/orders", b"1", headers | {"x-key-id": "nobody"}) == 401
    assert post(envoy, "/api/orders", b"1", {}) == 401
    assert post(envoy, "/elsewhere", b"1", headers) == 403
    assert post(envoy, "/api/orders", b"1", partner("POST", "/api/orders", b"1", time.time() - 301)) == 401
    assert post(envoy, "/api/orders", b"1", partner("POST", "/api/orders", b"1", time.time() + 70)) == 401
    assert len(application.arrived) == before


def test_a_body_that_is_sent_in_chunks_arrives_after_its_end(envoy: Recipe, application: Application) -> None:
    before = len(application.arrived)
    seen: list[int] = []

    def chunks() -> Iterator[bytes]:
        for piece in (b"one, ", b"two, ", b"three"):
            yield piece
            time.sleep(0.1)
            seen.append(len(application.arrived) - before)

    headers = partner("POST", "/api/orders", b"one, two, three")
    answer = requests.post(f"{envoy.url}/api/orders", data=chunks(), headers=headers, timeout=10)
    assert (answer.status_code, application.arrived[-1][1]) == (200, b"one, two, three")
    assert seen == [0, 0, 0], "nothing goes on before the end of the body is here"


def test_of_many_copies_one_arrives_whichever_worker_gets_them(envoy: Recipe, application: Application) -> None:
    before = len(application.arrived)
    headers = partner("POST", "/api/orders", b"once")
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: post(envoy, "/api/orders", b"once", headers), range(64)))
    workers = [line for line in envoy.metrics("envoy_listener_worker") if "downstream_cx_total" in line]
    assert len(workers) == 2, "both workers took part"
    assert all(float(line.rsplit(" ", 1)[1]) > 0 for line in workers)
    assert sorted(statuses) == [200] + [401] * 63
    assert len(application.arrived) == before + 1


def test_another_attempt_of_a_webhook_arrives_and_a_replay_does_not(envoy: Recipe) -> None:
    now = time.time()
    first, second = webhook("msg_1", b"{}", now - 5), webhook("msg_1", b"{}", now)
    assert [post(envoy, "/hooks/payments", b"{}", headers) for headers in (first, first, second)] == [200, 401, 200]


def test_the_example_of_github_arrives(envoy: Recipe, application: Application) -> None:
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert post(envoy, "/hooks/github", b"Hello, World!", {"x-hub-signature-256": signature}) == 200
    assert application.arrived[-1][0]["x-hmac-key-id"] == "github"
    assert post(envoy, "/hooks/github", b"Hello, World", {"x-hub-signature-256": signature}) == 401


def test_native_policy_reads_the_key(envoy: Recipe) -> None:
    headers = partner("DELETE", "/api/orders/1", b"")
    assert requests.delete(f"{envoy.url}/api/orders/1", headers=headers, timeout=10).status_code == 403


def test_health_needs_no_signature_and_reasons_are_counted(envoy: Recipe) -> None:
    assert requests.get(f"{envoy.url}/healthz", timeout=10).status_code == 200
    assert post(envoy, "/api/orders", b"", {}) == 401
    lines = envoy.metrics("signed_requests_total")
    assert any('reason="exempt"' in line for line in lines)
    assert any('reason="signature_missing"' in line for line in lines)


def test_a_body_beyond_the_limit_is_refused(envoy: Recipe) -> None:
    body = b"x" * 2_000_000
    assert post(envoy, "/api/orders", body, partner("POST", "/api/orders", body)) == 413


def test_without_its_secrets_it_does_not_start_and_prints_none(tmp_path: Path) -> None:
    with pytest.raises(AssertionError) as failure, Recipe("hmac_auth", tmp_path, 1, GITHUB_SECRET=GITHUB):
        pass
    log = (tmp_path / "envoy.log").read_text()
    assert "standard_webhooks.keys[0].secret.env: there is no such variable" in str(failure.value) + log
    assert GITHUB not in log
