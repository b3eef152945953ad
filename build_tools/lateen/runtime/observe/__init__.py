"""Seeing what a running mesh does: metrics of every proxy, edges between workloads, the live table."""
