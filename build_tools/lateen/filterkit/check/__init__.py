"""Whether a filter can be given to Envoy, and what it may do there."""
