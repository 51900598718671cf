"""From a cluster to EnergyNodes and values, and from published figures to measured ones."""
