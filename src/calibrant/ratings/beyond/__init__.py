"""Is one number enough? Cycles, several dimensions, lotteries, information and categories."""
