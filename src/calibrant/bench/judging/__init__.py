"""A judge on trial: what it is, what it is shown, and how it is moved; all through Inspect."""
