"""Everything that talks to Kubernetes: reading, writing, draining, reporting, and the reconcile cycle.

It must not decide anything: what it writes and whom it wakes comes from `planning`. It must not know where numbers come
from or how a relay is asked: that is behind `ports`.
"""
