"""Filters as OCI images: made, signed, pushed to and pulled from any registry.

Istio and Envoy Gateway pull the same images. `docs/filter-images.md` tells what is in one.
"""
