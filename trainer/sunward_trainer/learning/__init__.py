"""Models, data and local training. Knows no federation and no network."""
