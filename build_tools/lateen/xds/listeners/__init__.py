"""Inbound, outbound and gateway listeners."""
