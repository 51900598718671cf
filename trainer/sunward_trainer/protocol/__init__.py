"""What coordinator and workers exchange. Knows neither of them."""
