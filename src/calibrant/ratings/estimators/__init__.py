"""Other ways from comparisons to scores: with covariates, by rankings, in sequence, by wins."""
