"""Every filter of the suite, as built, does what its scenarios say on a real Envoy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lateen.filterkit.catalog import catalog


@pytest.mark.parametrize("name", catalog())
def test_the_scenarios_of_a_filter_hold(name: str) -> None:
    command = [Path(sys.executable).with_name("lateen"), "filters", "test", name, "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    (result,) = json.loads(done.stdout)["filters"]
    assert any(scenario["state"] == "passed" for scenario in result["scenarios"])
