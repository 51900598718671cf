"""Where the grams go between the best plan and the operated run: one restriction at a time."""
