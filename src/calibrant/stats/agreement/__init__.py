"""How far do raters agree beyond chance? Coefficients as ratios of sums over items, with limits."""
