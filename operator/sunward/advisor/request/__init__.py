"""Drafts become requests: quotes become numbers and periods, or a question."""
