"""Measurements of the trainer itself, on whatever data set this machine has."""
