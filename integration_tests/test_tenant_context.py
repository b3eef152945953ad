"""The recipe of `tenant_context` on a real Envoy: tokens that Envoy verifies, API keys, hosts."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from recipe import Application, Recipe

SECRET = b"a secret that only the recipe has"


@pytest.fixture(scope="module")
def application() -> Iterator[Application]:
    with Application() as running:
        yield running


@pytest.fixture(scope="module")
def envoy(application: Application, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recipe]:
    with Recipe("tenant_context", tmp_path_factory.mktemp("tenant_context"), application.port) as running:
        yield running


def token(secret: bytes = SECRET, **claims: Any) -> dict[str, str]:
    """A header with a token of the recipe's issuer."""

    def encoded(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    parts = ({"alg": "HS256", "kid": "recipe"}, {"iss": "https://login.example", "exp": 4102444800, **claims})
    text = ".".join(encoded(json.dumps(part).encode()) for part in parts)
    signature = encoded(hmac.new(secret, text.encode(), "sha256").digest())
    return {"authorization": f"Bearer {text}.{signature}"}


def tenant(envoy: Recipe, application: Application, **headers: str) -> str | int:
    """The tenant that the application is told, or the status if the request does not get there."""
    application.arrived.clear()
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = requests.get(f"{envoy.url}/", headers={"x-tenant": "forged", **headers}, timeout=10)
    if not application.arrived:
        return answer.status_code
    [(arrived, _)] = application.arrived
    assert "x-api-key" not in arrived
    return arrived["x-tenant"]


def test_a_claim_of_a_token_that_envoy_has_verified_names_the_tenant(envoy: Recipe, application: Application) -> None:
    assert tenant(envoy, application, **token(org={"tenant": "acme"})) == "acme"
    assert tenant(envoy, application, **token(b"another secret of somebody else", org={"tenant": "acme"})) == 401


@pytest.mark.parametrize("org", [{}, {"tenant": 7}, {"tenant": ["acme"]}, {"tenant": "a/b"}, "acme", None])
def test_a_claim_that_is_no_name_names_no_tenant(envoy: Recipe, application: Application, org: Any) -> None:
    assert tenant(envoy, application, **token(org=org)) == 403


def test_an_api_key_names_the_tenant_and_stays_here(envoy: Recipe, application: Application) -> None:
    assert tenant(envoy, application, x_api_key="key of globex") == "globex"
    assert tenant(envoy, application, x_api_key="key of nobody") == 403


def test_a_host_names_the_tenant_if_there_is_one(envoy: Recipe, application: Application) -> None:
    assert tenant(envoy, application, host="acme.shop.example") == "acme"
    assert tenant(envoy, application, host="initech.shop.example") == 403


def test_sources_that_disagree_are_refused(envoy: Recipe, application: Application) -> None:
    claim = token(org={"tenant": "acme"})
    assert tenant(envoy, application, **claim, host="acme.shop.example", x_api_key="key of acme") == "acme"
    assert tenant(envoy, application, **claim, host="globex.shop.example") == 403
    assert tenant(envoy, application, **claim, x_api_key="key of globex") == 403


def test_nobody_arrives_without_a_tenant(envoy: Recipe, application: Application) -> None:
    assert tenant(envoy, application) == 403
