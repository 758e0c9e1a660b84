"""Models beyond one ability for categories: bounded scores, several abilities, testlets, facets."""

from calibrant.quality.manifold.bounded import BoundedItems
from calibrant.quality.manifold.continuous import ContinuousFit, fit_continuous
from calibrant.quality.manifold.facets import Facet, FacetsFit, Level, fit_facets

__all__ = [
    "BoundedItems",
    "ContinuousFit",
    "Facet",
    "FacetsFit",
    "Level",
    "fit_continuous",
    "fit_facets",
]
