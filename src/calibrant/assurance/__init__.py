"""Claims in, verdicts out: what a safety case can stand on."""
