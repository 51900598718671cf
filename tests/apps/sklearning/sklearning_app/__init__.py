"""The app sklearning."""
