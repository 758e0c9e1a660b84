"""How do uncertainties combine, and is the claim met? Budgets, propagation and conformity."""
