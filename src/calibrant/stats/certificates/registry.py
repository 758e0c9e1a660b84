"""Which certificates are there? All of them, module by module."""

from __future__ import annotations

from importlib import import_module

from calibrant.stats.certificates import Certificate

MODULES = (
    "rates",
    "clusters",
    "means",
    "sequential",
    "comparisons",
    "variance",
    "budget",
    "grader",
    "calibrant.ratings.pairing.certificates",
)


def certificates() -> list[Certificate]:
    """Every certificate, in a fixed order."""
    found: list[Certificate] = []
    for name in MODULES:
        whole = name if "." in name else f"calibrant.stats.certificates.{name}"
        found += import_module(whole).CERTIFICATES
    return found
