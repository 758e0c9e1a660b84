"""Who is better, asked of judges item by item until it is settled? Arenas, through Inspect."""
