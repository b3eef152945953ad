"""From a URL to the bytes that a mesh has agreed to, or to the reason why there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from lateen.diagnostics import Code
from lateen.diagnostics.codes import extensions as codes
from lateen.modules import Cache, Entry, Lock, Locked, Module, Unavailable, fingerprint, module_name

MODULE = b"\0asm\1\0\0\0"
IMAGE = "a" * 64
OTHER = "b" * 64


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def found(cache: Cache, url: str, sha256: str = "", *, image: str = "") -> Module | Unavailable:
    digest = cache.put(MODULE)
    return Locked(Lock({url: Entry(digest, len(MODULE), f"sha256:{image}" if image else "")}), cache).find(url, sha256)


@pytest.mark.parametrize(
    ("url", "image"),
    [
        ("oci://registry.example/auth:1", IMAGE),
        (f"oci://registry.example/auth@sha256:{IMAGE}", IMAGE),
        ("https://modules.example/auth.wasm", ""),
        ("file://auth.wasm", ""),
    ],
)
def test_a_locked_module_is_found(cache: Cache, url: str, image: str) -> None:
    module = found(cache, url, image=image)
    assert isinstance(module, Module)
    assert module.content() == MODULE


@pytest.mark.parametrize(
    ("url", "sha256", "reason", "field"),
    [
        ("oci://registry.example/auth:1", OTHER, codes.OTHER_DIGEST, "sha256"),
        (f"oci://registry.example/auth@sha256:{OTHER}", "", codes.OTHER_DIGEST, "url"),
        (f"oci://registry.example/auth@sha256:{IMAGE}", OTHER, codes.TWO_DIGESTS, "sha256"),
        ("https://modules.example/auth.wasm", OTHER, codes.OTHER_DIGEST, "sha256"),
    ],
)
def test_another_digest_is_not_taken(cache: Cache, url: str, sha256: str, reason: Code, field: str) -> None:
    missing = found(cache, url, sha256, image=IMAGE)
    assert isinstance(missing, Unavailable)
    assert (missing.code, missing.field) == (reason, field)


@pytest.mark.parametrize(("signed_by", "is_found"), [((), False), (("other",), False), (("other", "ours"), True)])
def test_who_must_have_signed_is_known_to_have(cache: Cache, signed_by: tuple[str, ...], is_found: bool) -> None:
    url, keys = "oci://registry.example/auth:1", tuple(fingerprint(key) for key in signed_by)
    known = Locked(Lock({url: Entry(cache.put(MODULE), len(MODULE), f"sha256:{IMAGE}", keys)}), cache)
    module = known.find(url, "", "ours\n")
    assert isinstance(module, Module) is is_found
    if isinstance(module, Unavailable):
        assert (module.code, module.field) == (codes.NOT_VERIFIED, "verificationKey")


def test_the_digest_of_an_image_is_that_of_its_manifest(cache: Cache) -> None:
    assert isinstance(found(cache, "oci://registry.example/auth:1", IMAGE, image=IMAGE), Module)


def test_what_is_not_locked_is_not_fetched(cache: Cache) -> None:
    missing = Locked(cache=cache).find("https://modules.example/auth.wasm", "")
    assert isinstance(missing, Unavailable)
    assert missing.code is codes.NOT_FETCHED


@pytest.mark.parametrize("content", [None, MODULE + b"\0"], ids=["emptied", "changed"])
def test_a_cache_that_does_not_hold_the_module_gives_nothing(cache: Cache, content: bytes | None) -> None:
    path = cache.path(cache.put(MODULE))
    known = Locked(Lock({"https://a/b": Entry(path.stem, len(MODULE))}), cache)
    module = known.find("https://a/b", "")
    path.unlink() if content is None else path.write_bytes(content)
    missing = known.find("https://a/b", "")
    assert isinstance(missing, Unavailable)
    assert missing.code is codes.NOT_CACHED
    assert isinstance(module, Module)
    with pytest.raises(OSError, match="No such file" if content is None else "is not the module with the digest"):
        module.content()


def test_a_file_is_looked_at_again(cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "auth.wasm").write_bytes(MODULE)
    known = Locked(Lock({"file://auth.wasm": Entry(cache.put(MODULE), len(MODULE))}), cache, tmp_path)
    assert isinstance(known.find("file://auth.wasm", ""), Module)
    (tmp_path / "auth.wasm").write_bytes(MODULE + b"\0")
    missing = known.find("file://auth.wasm", "")
    assert isinstance(missing, Unavailable)
    assert missing.code is codes.FILE_CHANGED
    (tmp_path / "auth.wasm").unlink()
    assert isinstance(known.find("file://auth.wasm", ""), Module)


def test_of_two_locks_the_first_sources_counts(cache: Cache, tmp_path: Path) -> None:
    for name, size in (("a", 1), ("b", 2)):
        (tmp_path / name).mkdir()
        entries = {"https://both": Entry("0" * 64, size), f"https://{name}": Entry("0" * 64, size)}
        (tmp_path / name / "lateen.lock").write_bytes(Lock(entries).content())
    locked, findings = Locked.beside([tmp_path / "a", tmp_path / "b" / "mesh.yaml"])
    assert findings == ()
    assert {url: entry.size for url, entry in locked.lock.entries.items()} == {
        "https://both": 1,
        "https://a": 1,
        "https://b": 2,
    }
    assert locked.folder == tmp_path / "a"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("oci://registry.example:5000/filters/basic-auth:v1.2", "basic-auth"),
        (f"oci://registry.example/auth:1@sha256:{IMAGE}", "auth"),
        ("https://modules.example/a/auth.wasm?token=secret", "auth"),
        ("file:///opt/my filter.wasm", "my-filter"),
        ("https://modules.example/", "modules.example"),
        ("https://modules.example/%20", "20"),
        ("file://..", "module"),
    ],
)
def test_the_name_of_a_modules_file(url: str, name: str) -> None:
    assert module_name(url) == name
