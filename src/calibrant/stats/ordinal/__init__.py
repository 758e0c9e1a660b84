"""What do ordered answers say? Cumulative link models."""
