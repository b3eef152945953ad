"""How large the filters' modules are, beside what their manifests allow them."""

from __future__ import annotations

import gzip

from bench.report import Table
from lateen.filterkit.catalog import catalog

COMMAND = "make bench ARGS=sizes"


def measure() -> list[Table]:
    """Bytes of each module as it is and compressed, and its budget."""
    rows = [
        (
            f.name,
            float(len(f.module())),
            float(len(gzip.compress(f.module(), mtime=0))),
            float(f.budget["module_bytes"]),
        )
        for f in catalog().values()
        if f.kind == "wasm"
    ]
    return [Table("Wasm modules", COMMAND, ("filter", "bytes", "gzipped, bytes", "budget, bytes"), tuple(rows))]
