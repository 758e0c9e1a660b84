"""Is the benchmark any good? Item response models, bad items, reliability, cuts, shorter tests."""
