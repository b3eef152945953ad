"""Which files a folder stands for, with and without a kustomization."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lateen.api.check import check
from lateen.cli import main
from lateen.source.read import Loaded, read

Write = Callable[[dict[str, str]], Path]

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {{name: {0}}}\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(files: dict[str, str]) -> Path:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return make


def names(loaded: Loaded) -> list[str]:
    return [document.data["metadata"]["name"] for document in loaded.documents]


def findings(loaded: Loaded) -> list[tuple[str, str, int]]:
    return [(d.code, Path(d.origin.file).name, d.origin.line) for d in loaded.diagnostics]


def services(*folders: str) -> dict[str, str]:
    return {f"{folder}/{name}.yaml": SERVICE.format(f"{folder}-{name}") for folder in folders for name in ("a", "b")}


def test_subfolders_are_read_on_demand(write: Write) -> None:
    root = write({"top.yaml": SERVICE.format("top"), **services("x", "y", ".hidden")})
    assert names(read(root)) == ["top"]
    assert names(read(root, recursive=True)) == ["top", "x-a", "x-b", "y-a", "y-b"]


def test_a_file_that_is_named_twice_is_read_once(write: Write) -> None:
    root = write(services("x"))
    assert names(read(root / "x", root / "x" / "b.yaml", str(root / "x" / "a.yaml"))) == ["x-a", "x-b"]


def test_a_folder_that_two_kustomizations_list_is_read_once(write: Write) -> None:
    base = {"base/kustomization.yaml": "resources: [a.yaml]\nconfigMapGenerator: [{name: c, literals: [A=b]}]"}
    files = {f"{name}/kustomization.yaml": "resources: [../base]" for name in ("one", "two")}
    root = write({**base, **files, "base/a.yaml": SERVICE.format("a")})
    assert names(read(root / "one", root / "two", root / "base")) == ["c", "a"]


def test_a_base_may_be_put_into_two_namespaces(write: Write) -> None:
    base = {"base/kustomization.yaml": "resources: [a.yaml]\nconfigMapGenerator: [{name: c, literals: [A=b]}]"}
    overlays = {f"{name}/kustomization.yaml": f"resources: [../base]\nnamespace: {name}" for name in ("one", "two")}
    loaded = read(write({**base, **overlays, "base/a.yaml": SERVICE.format("a")}), recursive=True)
    resources, _ = check(loaded.documents)
    assert {(r.namespace, r.name) for r in resources} == {
        *(("one", "c"), ("one", "a"), ("two", "c"), ("two", "a"), ("default", "a"), ("default", "c"))
    }


def test_a_namespace_is_renamed_with_what_is_in_it(write: Write) -> None:
    space = "apiVersion: v1\nkind: Namespace\nmetadata: {name: base, labels: {istio-injection: disabled}}\n"
    root = write({"kustomization.yaml": "resources: [space.yaml]\nnamespace: shop", "space.yaml": space})
    assert names(read(root)) == ["shop"]


def test_a_kustomization_says_what_its_folder_is(write: Write) -> None:
    listing = "resources: [one.yaml, ../base]\nnamespace: shop\n"
    files = {
        "app/kustomization.yaml": listing,
        "app/one.yaml": SERVICE.format("one"),
        "app/not.yaml": SERVICE.format("n"),
    }
    loaded = read(write({**files, **services("base")}) / "app")
    assert names(loaded) == ["one", "base-a", "base-b"]
    resources, faults = check(loaded.documents)
    assert ({r.namespace for r in resources}, faults) == ({"shop"}, ())
    assert (resources[0].origin().line, loaded.diagnostics) == (1, ())


def test_the_kustomization_itself_may_be_named(write: Write) -> None:
    root = write({"kustomization.yaml": "resources: [one.yaml]", "one.yaml": SERVICE.format("one")})
    assert names(read(root / "kustomization.yaml")) == ["one"]


def test_the_outer_namespace_holds(write: Write) -> None:
    inner = {"in/kustomization.yaml": "resources: [one.yaml]\nnamespace: inner", "in/one.yaml": SERVICE.format("one")}
    root = write({**inner, "kustomization.yaml": "resources: [in]\nnamespace: outer"})
    assert read(root).documents[0].data["metadata"]["namespace"] == "outer"


def test_generators_make_objects_under_their_plain_names(write: Write) -> None:
    text = """
configMapGenerator:
- name: settings
  literals: [COLOUR=blue, "MOTTO='a=b'"]
  files: [logo.bin, alias=notes.txt]
  envs: [app.env]
secretGenerator:
- name: login
  literals: [password=hunter2]
  options: {disableNameSuffixHash: true, labels: {app: web}}
"""
    files = {"logo.bin": "logo", "notes.txt": "notes", "app.env": "# a comment\nSIZE=3\n\n"}
    loaded = read(write({"kustomization.yaml": text, **files}))
    assert (names(loaded), loaded.diagnostics) == (["settings", "login"], ())
    resources, faults = check(loaded.documents)
    assert faults == ()
    from lateen.model.build import build  # noqa: PLC0415

    settings, login = sorted(build(resources, {})[0].secrets, key=lambda s: s.ref.kind)
    shown = {key: value.reveal().decode() for key, value in settings.data.items()}
    assert shown == {"COLOUR": "blue", "MOTTO": "a=b", "SIZE": "3", "alias": "notes", "logo.bin": "logo"}
    assert login.data["password"].reveal() == b"hunter2"
    assert "hunter2" not in repr(login)


def test_what_a_kustomization_cannot_have_is_told_at_its_place(write: Write) -> None:
    text = """resources:
- gone.yaml
- https://example.com/web.yaml
namePrefix: staging-
patches:
- path: more.yaml
configMapGenerator:
- literals: [A=b]
- {name: c, behavior: merge, files: [absent.txt]}
images: []
"""
    loaded = read(write({"kustomization.yaml": text}))
    assert sorted(findings(loaded), key=lambda f: f[2]) == [
        ("LAT0016", "kustomization.yaml", 2),
        ("LAT0016", "kustomization.yaml", 3),
        ("LAT0017", "kustomization.yaml", 4),
        ("LAT0017", "kustomization.yaml", 5),
        ("LAT0016", "kustomization.yaml", 8),
        ("LAT0017", "kustomization.yaml", 9),
        ("LAT0016", "kustomization.yaml", 9),
    ]


def test_a_generator_reads_nothing_outside_of_its_folder(write: Write) -> None:
    listing = "secretGenerator: [{name: s, files: [../secret.txt], envs: [link]}]"
    root = write({"secret.txt": "A=hunter2", "app/kustomization.yaml": listing})
    (root / "app" / "link").symlink_to(root / "secret.txt")
    loaded = read(root / "app")
    assert [code for code, _, _ in findings(loaded)] == ["LAT0016", "LAT0016"]
    assert loaded.documents[0].data["data"] == {}


def test_files_outside_of_the_folder_are_no_resources(write: Write) -> None:
    root = write({"rules/one.yaml": SERVICE.format("one"), "app/kustomization.yaml": "resources: [../rules/one.yaml]"})
    loaded = read(root / "app")
    assert findings(loaded) == [("LAT0016", "kustomization.yaml", 1)]
    assert loaded.documents == ()


@pytest.mark.parametrize(
    "text",
    [
        "literals: [hunter2]",
        "literals: password=hunter2",
        "files: secret.txt",
        "envs: {a: b}",
        "envs: [app.env]",
        "env: app.env",
    ],
)
def test_a_generator_loses_nothing_silently(write: Write, text: str) -> None:
    listing = f"secretGenerator:\n- name: login\n  {text}\n"
    loaded = read(write({"kustomization.yaml": listing, "app.env": "A=b\nhunter2\n", "secret.txt": "hunter2"}))
    assert findings(loaded) == [("LAT0016", "kustomization.yaml", 3)]
    assert "hunter2" not in loaded.diagnostics[0].message


def test_a_namespace_is_text(write: Write) -> None:
    root = write({"kustomization.yaml": "resources: [a.yaml]\nnamespace: 5", "a.yaml": SERVICE.format("a")})
    assert findings(read(root)) == [("LAT0016", "kustomization.yaml", 2)]


@pytest.mark.parametrize("text", ["- a\n", "resources: web.yaml\n", "resources: [\n"])
def test_a_broken_kustomization_is_a_finding(write: Write, text: str) -> None:
    assert read(write({"kustomization.yaml": text, "web.yaml": SERVICE.format("web")})).diagnostics


def test_a_kustomization_that_contains_itself_ends(write: Write) -> None:
    root = write({"a/kustomization.yaml": "resources: [../b]", "b/kustomization.yaml": "resources: [../a]"})
    assert [code for code, _, _ in findings(read(root / "a"))] == ["LAT0018"]


def test_the_way_down_takes_kustomizations_as_they_are(write: Write) -> None:
    listing = {"app/kustomization.yaml": "resources: [one.yaml]", "app/one.yaml": SERVICE.format("one")}
    root = write({**listing, "app/other.yaml": SERVICE.format("other"), **services("plain")})
    assert names(read(root, recursive=True)) == ["one", "plain-a", "plain-b"]


def test_a_command_wants_to_know_where_the_mesh_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze"]) == 2
    assert "LAT0019" in capsys.readouterr().err
