"""What do the comments say? A codebook, coders who do not see each other, and exact quotes."""
