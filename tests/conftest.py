"""For every run of the tests: hypothesis looks at no clock."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# How long an example takes depends on what else the machine does, so it says nothing about the code.
settings.register_profile("sunward", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sunward")
