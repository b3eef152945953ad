"""Scenarios of filters, run on a real Envoy: a request in, its effects out.

`read` turns a filter's `scenarios/*.yaml` into values, `envoy` and `upstream` are the two ends that a request passes
between, `http1` is its form on the wire, `compare` says what was not as expected, and `run` ties them together.
"""
