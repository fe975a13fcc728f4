"""Pure functions of frames, column names and numbers; they never see the study, a wave or a path."""
