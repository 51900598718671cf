"""What the operator measures: meters through Prometheus, grid intensity by zone. Implausible values are rejected here.

It must not know the cluster, what a number is used for, or what happens when there is none.
"""
