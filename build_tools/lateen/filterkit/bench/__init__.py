"""What a filter costs: measured on real Envoys, beside the same Envoy without it."""

from lateen.filterkit.bench.measure import Figures, Measurement, measure
from lateen.filterkit.bench.plan import Plan, read_plan

__all__ = ["Figures", "Measurement", "Plan", "measure", "read_plan"]
