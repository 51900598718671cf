"""Problem and solution as values and as files, with their checks. Knows no model and no solver."""
