"""The mesh as one frozen value that knows nothing of YAML kinds: the intermediate representation."""
