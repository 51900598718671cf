"""Request and base to a problem: what each edit changes, and nothing else."""
