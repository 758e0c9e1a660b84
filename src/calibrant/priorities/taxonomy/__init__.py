"""Which areas are there? Taxonomies as data, with versions."""
