"""How easily is a rating upset? Every robustness question about a board, in one place."""
