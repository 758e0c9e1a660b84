"""Was it said before it was known? Forecasts registered by hash, settled later, on a card."""
