"""Which of two is better? Paired and independent comparisons, multiplicity and power."""
