"""Benchmarks on trial: the verbs of `calibrant items`, each loaded when it is first used."""

from __future__ import annotations

from calibrant._lazy import surface

_HOMES: dict[str, str] = {
    "check": "calibrant.quality.checks",
    "adapt": "calibrant.bench.adaptive.run",
    "check_bank": "calibrant.quality.banks",
    "read_responses": "calibrant.quality.read",
    "reliability": "calibrant.quality.reliability",
    "datasheet": "calibrant.quality.datasheet",
    "write_datasheet": "calibrant.report.datasheet",
    "families": "calibrant.quality.families",
    "validity": "calibrant.quality.validity",
    "fit": "calibrant.quality.models.fit",
    "fit_bank": "calibrant.quality.models.fit",
    "score": "calibrant.quality.scoring",
    "calibrate": "calibrant.quality.shorter.calibrate",
    "read_engine": "calibrant.quality.shorter.engine",
    "Cut": "calibrant.quality.cuts.cut",
    "read_cut": "calibrant.quality.cuts.cut",
    "write_cut": "calibrant.quality.cuts.cut",
    "read_judgements": "calibrant.quality.cuts.judgements",
    "angoff": "calibrant.quality.cuts.angoff",
    "booklet": "calibrant.quality.cuts.booklet",
    "bookmark": "calibrant.quality.cuts.bookmark",
    "borderline": "calibrant.quality.cuts.groups",
    "contrasting": "calibrant.quality.cuts.groups",
    "cost_cut": "calibrant.quality.cuts.cost",
    "classify": "calibrant.quality.cuts.classify",
    "items_needed": "calibrant.quality.cuts.classify",
    "lee": "calibrant.quality.cuts.curves",
    "rudner": "calibrant.quality.cuts.curves",
    "sequential_cut": "calibrant.quality.cuts.sequential",
    "shorten": "calibrant.quality.shorter.shorten",
    "read_form": "calibrant.quality.shorter.short_form",
    "fit_continuous": "calibrant.quality.manifold",
    "fit_m2pl": "calibrant.quality.manifold",
    "fit_testlets": "calibrant.quality.manifold",
    "fit_facets": "calibrant.quality.manifold",
    "link": "calibrant.quality.linking",
    "dif": "calibrant.quality.dif",
}

__all__: list[str] = [*_HOMES]

__getattr__, __dir__ = surface(__name__, _HOMES)
