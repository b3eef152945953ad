"""The generated TypedDicts are those of the packaged descriptors, and name nothing that does not exist."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import get_type_hints, is_typeddict

from lateen.schema import Schema, types

SCRIPT = Path(__file__).parents[2] / "scripts" / "gen_types.py"


def test_the_file_is_what_the_generator_writes() -> None:
    for path, content in runpy.run_path(str(SCRIPT))["generate"]().items():
        assert path.read_bytes() == content, "make gen"


def test_every_type_resolves_and_has_the_fields_of_its_message() -> None:
    classes = [given for given in vars(types).values() if is_typeddict(given)]
    assert len(classes) > 300
    for given in classes:
        message = Schema.default().descriptors.message(given.__doc__ or "")
        assert list(get_type_hints(given)) == [field.name for field in message.fields]
