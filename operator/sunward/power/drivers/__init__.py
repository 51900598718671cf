"""One module per kind of relay: its section of the settings and its driver. They do not know each other."""
