"""The `sunward` command: the composition root, where rooms that must not know each other are wired together."""
