"""What did the paper's own analysis say? Means, promise, exclusion, tables, gaps, exactly."""
