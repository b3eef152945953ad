"""`peer_metadata`: a proxy's description of itself in the form in which it travels."""

from __future__ import annotations

import base64
from typing import Any

from google.protobuf.struct_pb2 import Struct

from lateen.filterkit.configuration import Configuration, Files


def named_files(_config: dict[str, Any]) -> list[str]:
    """None."""
    return []


def compile_configuration(config: dict[str, Any], _files: Files) -> Configuration:
    """The configuration with `description`, the value of x-envoy-peer-metadata, in place of `metadata`.

    Base64 of a deterministically serialized `google.protobuf.Struct`, as Istio sends it, so that equal metadata has
    equal bytes and peers decode each description once.
    """
    message = Struct()
    message.update(config["metadata"])
    description = base64.b64encode(message.SerializeToString(deterministic=True)).decode()
    rest = {key: value for key, value in config.items() if key != "metadata"}
    return Configuration({**rest, "description": description})
