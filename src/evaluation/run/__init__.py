"""A run: notebooks in order through papermill into a dated report; its manifest, verification and release."""
