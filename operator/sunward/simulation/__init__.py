"""The operator's decisions in virtual time, beside policies that others published. Knows no cluster and no clock."""
