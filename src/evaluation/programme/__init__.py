"""Pure functions of the registers: what was done, heard, answered and spent."""
