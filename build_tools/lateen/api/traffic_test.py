"""`TrafficTest` of `lateen/v1`: calls and what must come back."""

from __future__ import annotations

from lateen.api.shape import NUMBER, STRING, STRING_MAP, Shape, array, choice, map_of, record

_STATUS = Shape("integer", minimum=100, maximum=599)
_SHARE = Shape("array", items=Shape("number", minimum=0, maximum=1), min_size=2, max_size=2)
_EXPECT = Shape(
    "object",
    fields={
        "status": _STATUS,
        "error": choice("refused", "reset", "timeout"),
        "share": map_of(_SHARE),
        "headers": STRING_MAP,
        "request_headers": map_of(Shape("string", nullable=True)),
        "denied_by": STRING,
    },
    exclusive=(("error", "status"),),
)
_CALL = record(
    "from url",
    **{"from": STRING},
    name=STRING,
    via=STRING,
    url=Shape("string", pattern="^https?://[^/ ]+"),
    method=STRING,
    headers=STRING_MAP,
    body=STRING,
    times=Shape("integer", minimum=1, default=1),
    expect=_EXPECT,
)
_METRIC = record("name", name=STRING, labels=STRING_MAP, above=NUMBER)

TRAFFIC_TEST = record("spec", spec=record(calls=array(_CALL), metrics=array(_METRIC)))
"""Without the fields that every kind has. A header of `request_headers` that is null must be absent."""
