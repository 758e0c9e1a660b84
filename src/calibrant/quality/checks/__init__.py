"""Which items are bad? Wrong way round, mis-keyed, duplicated, dependent, saturated."""
