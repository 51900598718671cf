"""What the page shows, as values: computed from resources as the API server has them. Pure."""
