"""The coordinator of a job: rounds, aggregation, checkpoints, progress."""
