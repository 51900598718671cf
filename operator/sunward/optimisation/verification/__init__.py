"""The independent check of a solution's rows. Knows problem and solution, no model and no solver."""
