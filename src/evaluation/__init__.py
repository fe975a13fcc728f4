"""A reproducible evaluation of whether police-community forums change trust and confidence."""

__version__ = "0.1.0"
