"""Settled periods as a chain of hashes, signed, that anybody can check without a cluster; transfers as certificates.

A change of one figure changes the hash of its period and breaks the link of the next one. It must not reach a cluster.
"""
