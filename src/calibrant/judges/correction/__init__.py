"""What is the rate, if the judge errs? Estimates from many verdicts and a few gold labels."""
