"""The app legacy."""
