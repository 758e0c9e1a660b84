"""Can these printed numbers be true? Audits of published tables."""
