"""How easily is a rating upset? Every robustness question about a board, in one place."""

from calibrant.ratings.audit.data import Votes, from_counts
from calibrant.ratings.audit.whole import Audit, audit

__all__ = ["Audit", "Votes", "audit", "from_counts"]
