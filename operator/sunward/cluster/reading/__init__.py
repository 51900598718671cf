"""One look at the cluster: from objects to a frozen snapshot."""
