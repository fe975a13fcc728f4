"""Difference-in-differences designs of the plan: inputs, estimates, diagnostics and tables (notebook 06)."""
