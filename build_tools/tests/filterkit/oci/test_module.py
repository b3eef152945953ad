"""Where in an image a module is, and what is no image of one."""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import Any

import pytest

from lateen.diagnostics import MeshError
from lateen.filterkit.oci.content import DOCKER_MANIFEST, IMAGE_MANIFEST, Blob, canonical
from lateen.filterkit.oci.module import COMPAT_LAYER, DOCKER_LAYER, WASM_LAYER, module_of
from lateen.filterkit.oci.reference import parse

MODULE = b"\0asm\1\0\0\0 and so on"
IMAGE = parse("ghcr.io/shop/hmac_auth:1.0")
CONFIG_LAYER = "application/vnd.module.wasm.config.v1+json"
LIMIT = 1 << 20


def tar(**files: bytes) -> bytes:
    """A tar.gz; in the names `__` stands for `/`, `_` for `.`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name.replace("__", "/").replace("_", "."))
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def headers(*contents: bytes) -> bytes:
    """A tar.gz of pax headers alone, each with these records."""
    member = tarfile.TarInfo("header")
    member.type = tarfile.XHDTYPE
    blocks = b""
    for content in contents:
        member.size = len(content)
        blocks += member.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % 512)
    return gzip.compress(blocks + tarfile.TarInfo("plugin.wasm").tobuf() + bytes(1024))


def module(*layers: Blob, media_type: str = IMAGE_MANIFEST, limit: int = LIMIT, **fields: Any) -> bytes:
    """The module in an image of these layers."""
    manifest = canonical({"schemaVersion": 2, "layers": [layer.descriptor() for layer in layers], **fields})
    blobs = {layer.digest: layer.content for layer in layers}
    return module_of(Blob(media_type, manifest), IMAGE, blobs.__getitem__, limit)


def refusal(*layers: Blob, code: str = "LAT0636", **options: Any) -> str:
    """Why there is no module in it."""
    with pytest.raises(MeshError) as raised:
        module(*layers, **options)
    (finding,) = raised.value.diagnostics
    assert finding.code == code
    assert finding.origin.file == str(IMAGE)
    return finding.message


@pytest.mark.parametrize("name", ["plugin_wasm", "opt__plugin_wasm"])
def test_a_compat_image_has_it_in_its_last_layer(name: str) -> None:
    layers = [Blob(COMPAT_LAYER, tar(etc__passwd=b"x")), Blob(COMPAT_LAYER, tar(a=b"first", **{name: MODULE}))]
    assert module(*layers) == MODULE


@pytest.mark.parametrize("field", [{"mediaType": DOCKER_MANIFEST}, {}])
def test_an_image_of_docker_has_it_in_its_last_layer(field: dict[str, str]) -> None:
    layer = Blob(DOCKER_LAYER, tar(plugin_wasm=MODULE))
    assert module(layer, media_type=DOCKER_MANIFEST, **field) == MODULE


@pytest.mark.parametrize("first", [True, False])
def test_an_oci_image_has_it_as_a_layer(first: bool) -> None:
    layers = [Blob(WASM_LAYER, MODULE), Blob(CONFIG_LAYER, b"{}")]
    assert module(*(layers if first else reversed(layers))) == MODULE


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ([], "it has no layers"),
        ([Blob("application/vnd.oci.image.layer.v1.tar+zstd", b"")], "its layers are application/vnd.oci.image.layer"),
        ([Blob(DOCKER_LAYER, tar(plugin_wasm=MODULE))], "its layers are application/vnd.docker"),
        ([Blob(WASM_LAYER, MODULE)], f"its layers are {WASM_LAYER}"),
        ([Blob(WASM_LAYER, MODULE)] * 3, f"its layers are {WASM_LAYER}"),
        ([Blob(COMPAT_LAYER, b"no gzip")], "its layer is no tar.gz"),
        ([Blob(COMPAT_LAYER, gzip.compress(b"no tar"))], "its layer is no tar.gz"),
        ([Blob(COMPAT_LAYER, tar(plugin_wasm=MODULE)[:-20])], "its layer is no tar.gz"),
        ([Blob(COMPAT_LAYER, headers(*[b""] * 2000))], "its layer is no tar.gz"),
        ([Blob(COMPAT_LAYER, headers(b"24 GNU.sparse.map=x,y,z\n"))], "its layer is no tar.gz"),
        ([Blob(COMPAT_LAYER, tar(other_wasm=MODULE))], "its layer has no plugin.wasm"),
        ([Blob(COMPAT_LAYER, tar(plugin_wasm__x=MODULE))], "its layer has no plugin.wasm"),
        ([Blob(COMPAT_LAYER, tar(plugin_wasm=b"text"))], "plugin.wasm is no Wasm module"),
        ([Blob(COMPAT_LAYER, tar(plugin_wasm=b""))], "plugin.wasm is no Wasm module"),
    ],
)
def test_what_is_no_image_of_a_module_is_said_to_be_none(layers: list[Blob], reason: str) -> None:
    assert reason in refusal(*layers)


def test_an_artifact_of_the_cncf_is_none_that_istio_reads() -> None:
    assert "application/wasm" in refusal(Blob("application/wasm", MODULE))


@pytest.mark.parametrize("content", [b"no JSON", b"[]", b'{"layers": 1}', b'{"layers": [1]}', b"{}"])
def test_a_broken_manifest_is_said_to_be_so(content: bytes) -> None:
    with pytest.raises(MeshError) as raised:
        module_of(Blob(IMAGE_MANIFEST, content), IMAGE, {}.__getitem__, LIMIT)
    assert "LAT0636" in str(raised.value)


@pytest.mark.parametrize("name", ["plugin_wasm", "before"])
def test_a_layer_is_unpacked_no_further_than_the_limit(name: str) -> None:
    bomb = tar(**{name: bytes(64 << 20)})
    assert len(bomb) < LIMIT
    assert f"more than {LIMIT} bytes" in refusal(Blob(COMPAT_LAYER, bomb), code="LAT0635")


def test_a_module_of_more_than_the_limit_is_refused() -> None:
    layer = Blob(COMPAT_LAYER, tar(plugin_wasm=MODULE.ljust(LIMIT + 1)))
    assert f"more than {LIMIT} bytes" in refusal(layer, code="LAT0635")
    assert len(module(layer, limit=LIMIT + 1)) == LIMIT + 1
