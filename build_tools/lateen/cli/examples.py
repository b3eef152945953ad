"""The meshes that come with lateen, and DIR as a command line gives it: a path, or the name of one of them."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
FOLDERS = (_PACKAGE / "_examples", _PACKAGE.parents[1] / "envoy_configs")
"""In a wheel, and in a checkout; the first that exists is used."""


def examples() -> dict[str, Path]:
    """The folder of each example, by name."""
    root = next((folder for folder in FOLDERS if folder.is_dir()), None)
    meshes = sorted({path.parent for path in root.glob("*/*.yaml")}) if root else []
    return {folder.name: folder for folder in meshes}


def mesh_path(text: str) -> str:
    """DIR of a command that reads a mesh. Raises MeshError (LAT0010) if there is neither a path nor an example."""
    found = meant(text)
    if text == "-" or (text and found.exists()):
        return str(found)
    from lateen.api.nearest import suggestion  # noqa: PLC0415
    from lateen.diagnostics import MeshError, Origin  # noqa: PLC0415
    from lateen.diagnostics.codes.usage import NO_SUCH_MESH  # noqa: PLC0415

    known = examples()
    hint = suggestion(text, known) or f"the examples are {', '.join(known)}"
    raise MeshError((NO_SUCH_MESH.at(Origin(), name=text, hint=hint),))


def meant(text: str) -> Path:
    """The path of that name, unless it does not exist and an example has the name."""
    return Path(text) if Path(text).exists() else examples().get(text, Path(text))
