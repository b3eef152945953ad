"""A filter as images: in the two layouts that Istio and Envoy Gateway pull, or in one of our own for Lua."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lateen.diagnostics import MeshError, Origin
from lateen.diagnostics.codes.filterkit import STALE_MODULE
from lateen.diagnostics.codes.workbench import CANNOT_EXPORT
from lateen.filterkit import manifest as provenance
from lateen.filterkit.catalog import Filter, unbuilt
from lateen.filterkit.oci import archive, sbom
from lateen.filterkit.oci.content import EMPTY, Blob, Image, canonical, digest_of, image
from lateen.filterkit.oci.module import COMPAT_LAYER, FILE, WASM_LAYER

LAYOUTS = ("compat", "oci")
LUA_LAYOUT = "lua"
LUA_ARTIFACT = "application/vnd.lateen.filter.lua.v1"
LUA_LAYER = "text/x-lua"
LUA_FILE = "filter.lua"
TITLE = "org.opencontainers.image.title"

_IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"
_WASM_CONFIG = "application/vnd.module.wasm.config.v1+json"
_RUNTIME_FILE = "runtime-config.json"
_ABI = re.compile(rb"proxy_abi_version_(\d+)_(\d+)_(\d+)")


@dataclass(frozen=True, slots=True)
class Package:
    """A filter in one layout (`compat`, `oci` or `lua`), and the SBOM that refers to it."""

    layout: str
    image: Image
    sbom: Image


def package(suite: Filter, layouts: Iterable[str] = LAYOUTS) -> list[Package]:
    """The images of a filter; the same filter gives the same bytes wherever and whenever this is done.

    A Lua filter has one layout, which no `layouts` choose: Istio and Envoy Gateway take Lua in their resources, not
    from images. Raises MeshError if its module is missing (LAT0606) or not what `module.json` says (LAT0610), and for a
    native filter (LAT0694).
    """
    if suite.kind == "native":
        reason = "it is of kind native: a filter of Envoy's own, configured"
        raise MeshError((CANNOT_EXPORT.at(Origin(), name=suite.name, target="image", reason=reason),))
    if suite.kind == "wasm":
        module = _module(suite)
        images = {layout: _LAYOUTS[layout](suite, module) for layout in layouts}
        return [Package(layout, found, _bill(suite, module, found)) for layout, found in images.items()]
    source = (suite.directory / LUA_FILE).read_bytes()
    found = _lua(suite, source)
    return [Package(LUA_LAYOUT, found, _bill(suite, source, found))]


def _module(suite: Filter) -> bytes:
    if faults := unbuilt(suite):
        raise MeshError(faults)
    module = suite.module()
    recorded = provenance.read(suite)
    if (suite.directory / "Cargo.toml").exists():
        reason = provenance.staleness(suite)
    elif recorded is None or f"sha256:{recorded.sha256}" != digest_of(module):
        reason = f"its bytes are not those that {provenance.FILE} names"
    else:
        reason = ""
    if reason:
        origin = Origin(str(suite.directory / "filter.yaml"))
        raise MeshError((STALE_MODULE.at(origin, name=suite.name, reason=reason, hint=STALE_MODULE.fix),))
    return module


def _compat(suite: Filter, module: bytes) -> Image:
    """https://github.com/solo-io/wasm/blob/master/spec/spec-compat.md, the OCI form."""
    files = archive.tar({FILE: module, _RUNTIME_FILE: _runtime(suite, module)})
    layer = Blob(COMPAT_LAYER, archive.gzip(files))
    # Readers of Wasm images look at layers only; an engine that is to hold the image wants a platform that it knows.
    platform = {"architecture": "amd64", "os": "linux"}
    rootfs = {"type": "layers", "diff_ids": [digest_of(files)]}
    config = Blob(_IMAGE_CONFIG, canonical({**platform, "config": {}, "rootfs": rootfs}))
    annotations = _annotations(suite, module) | {"module.wasm.image/variant": "compat"}
    fields = {"config": config.descriptor(), "layers": [layer.descriptor()], "annotations": annotations}
    return image(fields, config, layer)


def _oci(suite: Filter, module: bytes) -> Image:
    """https://github.com/solo-io/wasm/blob/master/spec/spec.md."""
    config = Blob(EMPTY, b"{}")
    runtime, layer = Blob(_WASM_CONFIG, _runtime(suite, module)), Blob(WASM_LAYER, module)
    fields = {
        "artifactType": WASM_LAYER,
        "config": config.descriptor(),
        "layers": [runtime.descriptor({TITLE: _RUNTIME_FILE}), layer.descriptor({TITLE: FILE})],
        "annotations": _annotations(suite, module),
    }
    return image(fields, config, runtime, layer)


_LAYOUTS = {"compat": _compat, "oci": _oci}


def _lua(suite: Filter, source: bytes) -> Image:
    config, layer = Blob(EMPTY, b"{}"), Blob(LUA_LAYER, source)
    fields = {
        "artifactType": LUA_ARTIFACT,
        "config": config.descriptor(),
        "layers": [layer.descriptor({TITLE: LUA_FILE})],
        "annotations": _annotations(suite, source),
    }
    return image(fields, config, layer)


def _bill(suite: Filter, content: bytes, subject: Image) -> Image:
    """OCI 1.1's way to attach something to an image: a manifest with a `subject`."""
    config, layer = Blob(EMPTY, b"{}"), Blob(sbom.MEDIA_TYPE, sbom.cyclonedx(suite, content))
    fields: dict[str, Any] = {
        "artifactType": sbom.MEDIA_TYPE,
        "config": config.descriptor(),
        "layers": [layer.descriptor({TITLE: f"{suite.name}.cdx.json"})],
        "subject": subject.manifest.descriptor(),
    }
    return image(fields, config, layer)


def _runtime(suite: Filter, module: bytes) -> bytes:
    abis = sorted({b".".join(version).decode() for version in _ABI.findall(module)})
    return canonical({"type": "envoy_proxy", "abiVersions": abis, "config": {"root_ids": [suite.name]}})


def _annotations(suite: Filter, content: bytes) -> dict[str, str]:
    """What the filter is, and of which source and by which compiler its module was built."""
    known = {
        TITLE: suite.name,
        "org.opencontainers.image.description": suite.summary,
        "lateen.filter.kind": suite.kind,
        "lateen.filter.sha256": digest_of(content).removeprefix("sha256:"),
    }
    if recorded := provenance.read(suite):
        known |= {
            "lateen.module.source": recorded.source,
            "lateen.module.toolchain": recorded.toolchain,
            "lateen.module.target": recorded.target,
        }
    return known
