"""Which areas are there? Taxonomies as data, with versions.

A taxonomy names categories and the areas in each. Ids are for ever: a later version may split,
merge, rename, move, retire or add, and says so, but never gives an old id to something new.
"""

from calibrant.priorities.taxonomy.read import load_taxonomy, parse_taxonomy, shipped
from calibrant.priorities.taxonomy.taxonomy import Area, Category, Taxonomy

__all__ = ["Area", "Category", "Taxonomy", "load_taxonomy", "parse_taxonomy", "shipped"]
