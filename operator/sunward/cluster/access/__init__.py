"""The way to the API server: requests, its clock, the Lease, events and watches. Knows our resources by path only."""
