"""Which certificates are there? All of them, room by room."""

from __future__ import annotations

from importlib import import_module

from calibrant.stats.certificates import Certificate

MODULES = (
    "rates", "clusters", "means", "stopping", "sequential", "paired", "independent", "many",
    "variance", "budget", "grader", "hierarchical",
)  # fmt: skip


def rooms() -> dict[str, tuple[str, tuple[Certificate, ...]]]:
    """Per room the question it answers, and its certificates, in a fixed order."""
    found = {}
    for name in MODULES:
        module = import_module(f"calibrant.stats.certificates.{name}")
        found[name] = (module.__doc__ or "").strip().split("\n")[0], tuple(module.CERTIFICATES)
    return found


def certificates() -> list[Certificate]:
    """Every certificate, in a fixed order."""
    return [c for _, some in rooms().values() for c in some]
