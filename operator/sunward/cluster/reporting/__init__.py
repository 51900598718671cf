"""What the operator says: statuses, conditions and plan objects from the pass's own values."""
