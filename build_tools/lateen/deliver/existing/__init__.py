"""Filters and telemetry into Envoy configuration that somebody else wrote."""

from lateen.deliver.existing.configuration import Configuration, read_configurations
from lateen.deliver.existing.patch import Wanted, patch
from lateen.deliver.existing.verdict import verdict

__all__ = ["Configuration", "Wanted", "patch", "read_configurations", "verdict"]
