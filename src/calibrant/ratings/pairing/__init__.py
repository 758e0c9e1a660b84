"""Whom to compare next, and when to stop? Pairs by what the decision needs, settled at any time."""
