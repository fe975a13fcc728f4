"""Robustness of the planned results: confounding, controls, specifications, families, missing answers (notebook 07)."""
