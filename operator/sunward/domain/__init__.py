"""Values of the domain: what is measured, wanted, decided and settled.

Nothing here does input or output, reads a clock or knows Kubernetes; every other room may import this one.
"""
