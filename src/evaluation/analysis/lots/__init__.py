"""Lots: committed in public, drawn with a public number, verified, analysed as design D6."""
