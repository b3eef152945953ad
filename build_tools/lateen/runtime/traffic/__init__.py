"""Calls against a running mesh, and whether what came back is what `TrafficTest`s say."""

from lateen.runtime.traffic.cases import TrafficTest, load_tests
from lateen.runtime.traffic.runner import Report, repeat, run_once

__all__ = ["Report", "TrafficTest", "load_tests", "repeat", "run_once"]
