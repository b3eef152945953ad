"""`lateen filters VERB`: the workbench. Each verb is a module of this package, as each command is one of its parent."""

HELP = "Build and test filters: those of the suite, and your own."

VERBS = {
    "list": "kind, phase, module and what each filter does",
    "build": "build the Wasm modules whose sources have changed",
    "test": "run the scenarios of filters on a real Envoy",
    "package": "write a filter as OCI images, with its SBOM, into a folder",
    "push": "push a filter to a registry, signed if a key is given",
    "pull": "get a filter from a registry, and hold it against its signature",
    "verify": "say whether a key has signed a filter in a registry",
    "serve": "offer modules by HTTP to Envoy's remote fetch",
}
"""Verb to its one line of help."""
