"""Power drivers: how a machine is switched, and how its power state is proven.

It must not know the cluster, its objects or when anything is switched.
"""
