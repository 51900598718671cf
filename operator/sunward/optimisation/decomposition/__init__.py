"""Price decomposition (Dantzig-Wolfe): nodes reply to prices, a master problem combines their replies."""
