"""Models beyond one ability for categories: bounded scores, several abilities, testlets, facets."""

from calibrant.quality.manifold.bounded import BoundedItems
from calibrant.quality.manifold.continuous import ContinuousFit, fit_continuous

__all__ = ["BoundedItems", "ContinuousFit", "fit_continuous"]
