"""Images to take away: for several architectures, the same bytes each time, without a container engine or root."""
