"""The app growing."""
