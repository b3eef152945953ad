"""One file that an Envoy starts with, and needs no other but modules and certificates."""

from __future__ import annotations

from lateen.deliver.bundles.bundle import Bundle, File, Target, json_bytes, modules


def static(target: Target) -> Bundle:
    """`snapshot.static()`; its mode is 0600 when it holds a gateway's key."""
    snapshot = target.snapshot
    mode = 0o600 if snapshot.secrets else 0o644
    config = File(f"{target.key}.json", json_bytes(snapshot.static()), mode)
    return Bundle((*modules(snapshot, "modules"), config))
