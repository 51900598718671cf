"""Programs, images and data sets that a cluster of the lab needs before it can start."""
