"""What did they say in words? Codebooks, coders, quotes."""
