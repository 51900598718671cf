"""Kubernetes objects <-> domain values, field by field. No request is made here."""
