"""The second paper's case study: one picture, made by a server and sent to its user, with the least grams."""
