"""When may a run stop? Designs with exact error rates, followers, e-values, planned looks."""
