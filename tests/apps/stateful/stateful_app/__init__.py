"""The app stateful."""
