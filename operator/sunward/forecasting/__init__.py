"""What is expected of the next periods, from what was measured: pure, deterministic, honest about its spread."""
