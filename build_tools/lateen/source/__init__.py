"""Positions first: YAML text to documents whose every node has a line and a column."""
