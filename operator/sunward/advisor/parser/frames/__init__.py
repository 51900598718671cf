"""Readers of wishes: each knows one kind of edit by its words, and refuses what it does not understand whole."""
