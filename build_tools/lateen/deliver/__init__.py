"""Bringing snapshots to running Envoys: the control plane, its delta ADS server, and what it keeps between runs; and
files for Envoys of others (`bundles`)."""

SOCKET_PATH_LIMIT = 107
"""Bytes that `sun_path` of a Unix socket address holds beside its final zero."""
