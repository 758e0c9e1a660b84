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
)


def certificates() -> list[Certificate]:
    """Every certificate, in a fixed order."""
    found: list[Certificate] = []
    for name in MODULES:
        found += import_module(f"calibrant.stats.certificates.{name}").CERTIFICATES
    return found
