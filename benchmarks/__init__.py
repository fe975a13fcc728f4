"""What the study costs, and the tables of the methods pages: run by hand, never a timed test."""
