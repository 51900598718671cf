"""Objects of a training job: coordinator, workers, assignment file, progress."""
