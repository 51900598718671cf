"""What `sunward doctor` looks at, apart from Prometheus and the relays."""
