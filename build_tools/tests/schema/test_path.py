"""Ways to values inside a configuration, written and read back."""

from __future__ import annotations

import pytest

from lateen.schema.path import At, key_step, path_of, steps_of


@pytest.mark.parametrize(
    "steps",
    [
        (),
        ("static_resources", "clusters", 0, "name"),
        ("metadata", "filter_metadata", "envoy.lb", "a"),
        ("labels", "it's [1].x", "", 3),
    ],
)
def test_a_path_is_read_back_as_the_steps_that_it_was_written_from(steps: tuple[str | int, ...]) -> None:
    at: At = None
    for step in steps:
        at = (at, key_step(step) if isinstance(step, str) else step)
    assert steps_of(at) == steps_of(path_of(at)) == steps
