"""`lateen filters VERB`: the workbench. Each verb is a module of this package, as each command is one of its parent."""

HELP = "Build and test filters: those of the suite, and your own."

VERBS = {
    "list": "kind, phase, module and what each filter does",
    "build": "build the Wasm modules whose sources have changed",
    "test": "run the scenarios of filters in this process and on a real Envoy",
    "fuzz": "send random requests through filters in this process",
}
"""Verb to its one line of help."""
