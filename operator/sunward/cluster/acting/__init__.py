"""Acts on nodes: cordon, eviction, power, and the last check before each."""
