"""Is the table what it seems? Columns, tables joined, and what a reader of a forecast must know."""
