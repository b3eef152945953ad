"""Documents to typed resources: every field held against the schema that the CRDs publish."""
