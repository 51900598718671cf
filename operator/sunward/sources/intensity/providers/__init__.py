"""One module per provider of grid intensity: its section of the settings and the class that it builds.

They do not know each other, nor what happens when one of them fails.
"""
