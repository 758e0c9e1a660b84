"""Which subject is better? Ratings from comparisons, and how easily they are upset."""
