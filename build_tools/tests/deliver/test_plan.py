from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lateen.deliver.plan import Plan, PlannedProxy

GIVEN: dict[str, Any] = {
    "version": 1,
    "directory": "/mesh",
    "mesh_config": None,
    "domain_suffix": "cluster.local",
    "strict": True,
    "placements": {"web-0.default": "127.1.0.1"},
    "proxies": {"web-0.default": {"socket": "/run/1.sock", "metadata": {"INTERCEPTION_MODE": "NONE"}}},
}


def read(folder: Path, given: object) -> Plan:
    (folder / "plan.json").write_text(json.dumps(given))
    return Plan.read(folder / "plan.json")


def test_a_plan_is_read(tmp_path: Path) -> None:
    proxies = {"web-0.default": PlannedProxy(Path("/run/1.sock"), {"INTERCEPTION_MODE": "NONE"})}
    assert read(tmp_path, GIVEN) == Plan(Path("/mesh"), {"web-0.default": "127.1.0.1"}, proxies)


def test_options_of_a_plan_are_read(tmp_path: Path) -> None:
    plan = read(tmp_path, GIVEN | {"mesh_config": "/m.yaml", "strict": False, "certificate_lifetime": 90})
    assert (plan.mesh_config, plan.strict) == (Path("/m.yaml"), False)
    assert plan.certificate_lifetime == timedelta(seconds=90)


@pytest.mark.parametrize("given", [[], {}, GIVEN | {"version": 2}])
def test_another_version_is_refused(tmp_path: Path, given: object) -> None:
    with pytest.raises(ValueError, match="no plan of version 1"):
        read(tmp_path, given)


@pytest.mark.parametrize("given", [{"version": 1}, GIVEN | {"proxies": []}, GIVEN | {"proxies": {"a": {}}}])
def test_an_incomplete_plan_is_refused(tmp_path: Path, given: object) -> None:
    with pytest.raises(ValueError, match="not complete"):
        read(tmp_path, given)
