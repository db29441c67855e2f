"""Measurements: every figure is a ratio to a named reference, taken in the same run."""
