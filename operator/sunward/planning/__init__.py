"""Snapshot -> plan, and a node's next step towards it: every decision of the operator, none of its acts.

`decide.plan` plans a period and `validate.still_valid` checks it again; `transitions.advance` takes nodes to sleep and
back; `settle.clear` settles what happened; `explain.explain` says why. No clock, no network, no Kubernetes client.
"""
