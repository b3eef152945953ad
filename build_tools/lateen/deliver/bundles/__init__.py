"""Configuration as files for Envoys that lateen does not run.

A form turns one proxy into a `Bundle`; `write` puts bundles into a folder. Forms:

| name | files of a proxy | for |
|---|---|---|
| `static` | `NAME.NAMESPACE.json`, `modules/` | an Envoy that is restarted for a change |
| `files` | `NAME.NAMESPACE/`: bootstrap, `lds.json`, `cds.json`, `secrets/`, `modules/` | an Envoy that follows files |
| `resources` | `NAME.NAMESPACE.json`, its bootstrap, `modules/` | somebody else's control plane |
| `compose` | those of `files`, `compose.yaml`, `redirection/` | a container beside an application |
"""

from __future__ import annotations

from lateen.deliver.bundles.bundle import Bundle, File, Target
from lateen.deliver.bundles.compose import compose
from lateen.deliver.bundles.file_xds import file_xds
from lateen.deliver.bundles.resources import resources
from lateen.deliver.bundles.static import static
from lateen.deliver.bundles.write import write

FORMS = {"static": static, "files": file_xds, "resources": resources, "compose": compose}
"""Name of a form to the function that gives a proxy's `Bundle`."""

__all__ = ["FORMS", "Bundle", "File", "Target", "write"]
