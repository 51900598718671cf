"""What the advisor may cite: packaged pages in chunks, and an index that finds them. Never a source of numbers."""
