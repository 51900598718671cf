"""Forecasts of a node's harvest from public services, by the place and position of its panel."""
