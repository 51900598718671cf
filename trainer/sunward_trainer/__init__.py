"""Federated learning that obeys an assignment file: the reference workload of Sunward.

This package exists so that moved batches are real batches. It knows the assignment file, its own data and
Flower; it must not know Kubernetes, energy, or anything of the operator.
"""

__version__ = "0.1.0"
