"""Everything that talks to Kubernetes and to relays: reading, writing, draining, powering, and the global loop."""
