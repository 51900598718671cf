"""What not knowing costs: commitment, beliefs, markets and misreports."""
