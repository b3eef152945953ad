"""The recipe of authz_cache as its page tells it: an Envoy, its authorizer, and what happens when that ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from harness import eventually
from lateen.runtime.child import Child
from lateen.runtime.direct import get
from lateen.runtime.supervision import stop
from lateen.schema.binary import find_envoy
from two_hosts import free_port

ROOT = Path(__file__).resolve().parents[1]
RECIPE = ROOT / "envoy_configs/recipes/filters/authz_cache"
ALICE = {"authorization": "Bearer alice"}


class Recipe:
    """The recipe on ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.admin, self.shop, questions = (free_port() for _ in range(3))
        self.log = folder / "authorizer.log"
        self.access = folder / "envoy.log"
        text = (RECIPE / "envoy.yaml").read_text()
        for port, own in ((9901, self.admin), (10000, self.shop), (9000, questions)):
            text = text.replace(f"port_value: {port}}}", f"port_value: {own}}}")
        config = folder / "envoy.yaml"
        config.write_text(text)
        self.authorizer = Child((sys.executable, str(RECIPE / "authorizer.py"), str(questions)), self.log)
        options = ("--concurrency", "2", "--disable-hot-restart", "--log-level", "warning")
        self.envoy = Child((str(find_envoy()), "-c", str(config), *options), self.access, directory=ROOT)

    def call(self, method: str = "GET", path: str = "/orders", **headers: str) -> requests.Response:
        return requests.request(method, f"http://127.0.0.1:{self.shop}{path}", headers=headers, timeout=5)

    def asked(self) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if line.startswith("asked")]

    def ready(self) -> bool:
        try:
            return get(f"http://127.0.0.1:{self.admin}/ready", 1).ok and self.call(path="/none").status_code == 401
        except requests.ConnectionError:
            return False


@pytest.fixture
def recipe(tmp_path: Path) -> Iterator[Recipe]:
    running = Recipe(tmp_path)
    try:
        eventually(running.ready, 30)
        yield running
    finally:
        stop([running.envoy, running.authorizer])


def test_the_authorizer_is_asked_once_and_missed_only_by_what_was_not_asked_before(recipe: Recipe) -> None:
    before = len(recipe.asked())
    for _ in range(8):  # on connections of their own, so that both workers get some
        answer = recipe.call(**ALICE)
        assert (answer.status_code, answer.headers["x-seen-user"]) == (200, "alice")
    assert recipe.asked()[before:] == ["asked about alice: GET /check/orders: 200"]

    forged = recipe.call(**{"x-user": "alice"})
    assert (forged.status_code, forged.headers["www-authenticate"]) == (401, "Bearer")
    assert recipe.call("POST", authorization="Bearer bob").status_code == 403

    stop([recipe.authorizer])
    assert recipe.call(**ALICE).status_code == 200
    assert recipe.call(path="/other", **ALICE).status_code == 503
    log = recipe.access.read_text
    eventually(lambda: '"details":"lateen_authz_cache_unavailable"' in log())
    assert '"reason":"allowed_cached"' in log()
    stats = get(f"http://127.0.0.1:{recipe.admin}/stats?filter=authz_cache_allowed", 5).text
    assert "lateen_authz_cache_allowed_cached: 8" in stats
