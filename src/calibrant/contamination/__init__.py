"""Has the subject seen the test? Found in corpora, measured on subjects, designed away.

The verbs of `calibrant contamination`, each loaded when it is first used.
"""

from __future__ import annotations

from calibrant._lazy import surface

_HOMES: dict[str, str] = {
    "Item": "calibrant.contamination.items",
    "read_items": "calibrant.contamination.items",
    "plan_scan": "calibrant.contamination.corpora.plan",
    "scan": "calibrant.contamination.corpora.run",
    "TokenScores": "calibrant.contamination.tokens",
    "read_scores": "calibrant.contamination.tokens",
    "paraphrase": "calibrant.contamination.rewording",
    "Paraphrases": "calibrant.contamination.rewording",
    "split_test": "calibrant.contamination.exposure",
    "twin_test": "calibrant.contamination.exposure",
    "order_test": "calibrant.contamination.exposure",
    "canary_test": "calibrant.contamination.exposure",
    "rank_test": "calibrant.contamination.exposure",
    "blind_baseline": "calibrant.contamination.exposure",
    "Inflation": "calibrant.contamination.inflation.result",
    "read_inflation": "calibrant.contamination.inflation.result",
    "twin_inflation": "calibrant.contamination.inflation.twins",
    "benchmark_inflation": "calibrant.contamination.inflation.benchmarks",
    "item_inflation": "calibrant.contamination.inflation.items",
    "inflation_bound": "calibrant.contamination.inflation.scans",
    "generate": "calibrant.contamination.fresh.generate",
    "read_secret": "calibrant.contamination.fresh.stream",
    "read_templates": "calibrant.contamination.fresh.language.reading",
    "commit": "calibrant.contamination.fresh.commitment",
    "check_twins": "calibrant.contamination.fresh.twins",
    "generate_from": "calibrant.contamination.fresh.gym",
    "refresh": "calibrant.contamination.fresh.refresh",
    "Rule": "calibrant.contamination.matching",
    "Scan": "calibrant.contamination.matching",
    "build_index": "calibrant.contamination.matching",
    "scan_batches": "calibrant.contamination.matching",
    "scan_of": "calibrant.contamination.matching",
}

__all__: list[str] = [*_HOMES]

__getattr__, __dir__ = surface(__name__, _HOMES)
