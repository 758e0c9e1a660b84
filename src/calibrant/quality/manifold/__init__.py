"""Models beyond one ability for categories: bounded scores, several abilities, testlets, facets."""

from calibrant.quality.manifold.bounded import BoundedItems
from calibrant.quality.manifold.continuous import ContinuousFit, fit_continuous
from calibrant.quality.manifold.facets import Facet, FacetsFit, Level, fit_facets
from calibrant.quality.manifold.m2pl import M2plFit, fit_m2pl
from calibrant.quality.manifold.rotation import rotate
from calibrant.quality.manifold.testlets import Cluster, TestletFit, fit_testlets

__all__ = [
    "BoundedItems",
    "Cluster",
    "ContinuousFit",
    "Facet",
    "FacetsFit",
    "Level",
    "M2plFit",
    "TestletFit",
    "fit_continuous",
    "fit_facets",
    "fit_m2pl",
    "fit_testlets",
    "rotate",
]
