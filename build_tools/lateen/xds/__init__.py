"""Envoy configuration of one proxy, from what it may see."""
