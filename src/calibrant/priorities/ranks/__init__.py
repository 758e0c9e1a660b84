"""Which areas come first, and how sure is that? Ranks as posteriors."""
