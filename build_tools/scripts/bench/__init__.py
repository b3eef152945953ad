"""Benchmarks of lateen: `make bench` runs all, `make bench ARGS=compile` one. What they measure: docs/benchmarks.md."""
