"""Which data may be used: one verdict for every meter, node and zone."""
