"""Metered energy of a period that has ended, written into its plan."""
