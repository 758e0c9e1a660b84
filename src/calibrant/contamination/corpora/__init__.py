"""What stands in a corpus: documents of many files, in batches."""
