"""Compilers of filter configurations: from what a person writes to what a filter reads.

A module here is named by `config_compiler` in a filter's `filter.yaml`, and has two pure functions:

    named_files(config) -> list[str]
    compile_configuration(config, files) -> Configuration

`named_files` gives the files that the configuration names, as it names them; `files` maps each to its text, or to None
if it cannot be read. Both get only what the filter's JSON Schema accepts.
"""
