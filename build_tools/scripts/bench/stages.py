"""What each stage of a cold compile takes: `python -m bench.stages DIR PROXY` prints seconds of CPU as JSON.

It calls the stages as `lateen compile` does, in a process of its own, so that nothing is warm.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from itertools import pairwise

STAGES = ("import", "source", "api", "model", "scope", "xds", "emit")


def measure(directory: str, proxy_name: str) -> dict[str, float]:
    """Seconds of CPU by stage; `import` is the start of the interpreter and all modules."""
    gc.disable()  # as every command that ends with its mesh
    import orjson  # noqa: PLC0415

    from lateen.api.check import check  # noqa: PLC0415
    from lateen.api.mesh_config import check_mesh_config  # noqa: PLC0415
    from lateen.cli import compile as command  # noqa: F401, PLC0415
    from lateen.model.build import build  # noqa: PLC0415
    from lateen.scope.scope import scope  # noqa: PLC0415
    from lateen.source.read import read  # noqa: PLC0415
    from lateen.xds.compile import compile_scope  # noqa: PLC0415

    marks = [0.0, time.process_time()]
    loaded = read(directory)
    marks.append(time.process_time())
    resources, _ = check(loaded.documents)
    config, _ = check_mesh_config(loaded.mesh_config)
    marks.append(time.process_time())
    mesh, _ = build(resources, config)
    marks.append(time.process_time())
    view, _ = scope(mesh, next(p for p in mesh.proxies() if f"{p.name}.{p.namespace}" == proxy_name))
    marks.append(time.process_time())
    snapshot = compile_scope(view)
    marks.append(time.process_time())
    orjson.dumps(snapshot.to_dict() | {"bootstrap": snapshot.bootstrap()}, option=orjson.OPT_INDENT_2)
    marks.append(time.process_time())
    return {stage: after - before for stage, (before, after) in zip(STAGES, pairwise(marks), strict=True)}


if __name__ == "__main__":
    print(json.dumps(measure(*sys.argv[1:])))
