"""A worker: its shards, its training, its connection to the coordinator."""
