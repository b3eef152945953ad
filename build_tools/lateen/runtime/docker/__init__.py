"""Containers: the engine that runs them, and the images that they start from.

The only package that imports the `docker` SDK.
"""
