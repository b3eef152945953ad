"""Extensions that name a filter of the suite."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes import analyze as codes
from lateen.model.extension import Extension
from lateen.model.mesh import Mesh

SCHEME = "lateen://"
CODES = (codes.UNKNOWN_FILTER, codes.FILTER_CONFIG)


def find(mesh: Mesh) -> Iterator[Diagnostic]:
    """Each `lateen://` extension whose filter does not exist, or refuses its configuration."""
    for extension in mesh.extensions:
        if extension.url.startswith(SCHEME):
            yield from _faults(extension)


def unknown_filter(extension: Extension) -> Diagnostic | None:
    """That the suite does not have the filter that a `lateen://` URL names."""
    from lateen.filterkit.catalog import catalog  # noqa: PLC0415

    name = extension.suite_name
    if not name or name in catalog():
        return None
    hint = f"the suite has {', '.join(sorted(catalog()))}"
    return codes.UNKNOWN_FILTER.at(extension.ref.at(extension.section, "url"), hint=hint, name=name)


def _faults(extension: Extension) -> Iterator[Diagnostic]:
    from lateen.filterkit.catalog import catalog  # noqa: PLC0415

    filters = catalog()
    name = extension.url.removeprefix(SCHEME)
    section = "spec.wasm" if extension.ref.kind == "TrafficExtension" else "spec"
    found = filters.get(name)
    if found is None:
        yield from filter(None, (unknown_filter(extension),))
        return
    for path, problem in found.problems(extension.config):
        steps = [step for step in str(path).strip("/").replace("/", ".").split(".") if step]
        where = [int(step) if step.isdecimal() else step for step in steps]
        yield codes.FILTER_CONFIG.at(extension.ref.at(section, "pluginConfig", *where), problem=problem)
