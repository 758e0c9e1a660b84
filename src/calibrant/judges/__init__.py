"""Is the grader good? Agreement, bias, correction, labels to buy, panels and pressure."""
