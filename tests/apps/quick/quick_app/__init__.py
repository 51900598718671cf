"""The app quick."""
