"""`lateen filters VERB`: the workbench. Each verb is a module of this package, as each command is one of its parent."""

HELP = "Build and test filters: those of the suite, and your own."

VERBS = {
    "list": "kind, phase, module and what each filter does",
    "new": "write the folder of a new filter",
    "build": "build the Wasm modules whose sources have changed",
    "check": "check filters without a request, and whether Envoy takes them",
    "capabilities": "what a Wasm module may do at most",
    "export": "a filter as a resource of Envoy, Istio or Envoy Gateway",
    "test": "run the scenarios of filters in this process and on a real Envoy",
    "fuzz": "send random requests through filters in this process",
    "bench": "measure what filters cost",
    "package": "write a filter as OCI images, with its SBOM, into a folder",
    "push": "push a filter to a registry, signed if a key is given",
    "pull": "get a filter from a registry, and hold it against its signature",
    "verify": "say whether a key has signed a filter in a registry",
    "serve": "offer modules by HTTP to Envoy's remote fetch",
}
"""Verb to its one line of help."""
