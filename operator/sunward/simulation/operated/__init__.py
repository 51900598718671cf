"""A simulated cluster that the operator runs: machines behind relays, jobs in rounds, and the operator's own loop.

Plans, guards and the sleep state machine are the product's; only the world they act on is made here.
"""
