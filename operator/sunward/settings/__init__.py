"""What the sections of the administrator's settings file have in common: strictness, addresses, tokens in files.

Each room declares its own section beside what it configures; `sunward.cli.settings` joins them to the whole file.
`documents` reads this file and every other one that people write. It must not open connections.
"""
