"""Factors between the units that names state. Numbers only: a module that converts imports the factor by its name."""

from __future__ import annotations

SECONDS_PER_HOUR = 3600.0

HOURS_PER_DAY = 24.0

JOULES_PER_WATT_HOUR = 3600.0
"""Watts times seconds give joules; this many of them are a watt-hour."""

WATT_HOURS_PER_KILOWATT_HOUR = 1000.0
"""Intensities are quoted per kilowatt-hour, energy is counted in watt-hours: grams = Wh x g/kWh / this."""
