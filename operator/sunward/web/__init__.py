"""What the operator serves over HTTP: probes, metrics and the list of scrape targets. It reads, and changes nothing."""
