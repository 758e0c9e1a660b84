"""What should be tested at all? The expert survey: asked, watched live, and ranked honestly.

The verbs of `calibrant priorities`, each loaded when it is first used.
"""

from __future__ import annotations

from calibrant._lazy import surface

_HOMES: dict[str, str] = {
    "Taxonomy": "calibrant.priorities.taxonomy.taxonomy",
    "load_taxonomy": "calibrant.priorities.taxonomy.read",
    "carry": "calibrant.priorities.taxonomy.carry",
    "Survey": "calibrant.priorities.survey.model",
    "read_answers": "calibrant.priorities.exchange.read",
    "qualtrics_csv": "calibrant.priorities.exchange.write",
    "read_survey": "calibrant.priorities.survey.read",
    "AreaPosterior": "calibrant.priorities.posterior",
    "area_posterior": "calibrant.priorities.model.fit",
    "fit_ratings": "calibrant.priorities.model.fit",
    "Ratings": "calibrant.records.ratings",
    "as_ratings": "calibrant.records.ratings",
    "check_integrity": "calibrant.priorities.integrity.check",
    "Terms": "calibrant.priorities.portfolio.terms",
    "plan_portfolio": "calibrant.priorities.portfolio.portfolio",
    "believed": "calibrant.priorities.ranks.believed",
    "PublishedTable": "calibrant.priorities.tables.read",
    "read_published": "calibrant.priorities.tables.read",
    "TablePosterior": "calibrant.priorities.tables.posterior",
    "table_posterior": "calibrant.priorities.tables.posterior",
    "rank": "calibrant.priorities.ranks.verb",
    "rank_areas": "calibrant.priorities.ranks.rank",
    "Ranked": "calibrant.priorities.ranks.result",
    "ask": "calibrant.priorities.asking.ask",
    "Person": "calibrant.priorities.asking.ask",
    "AskPlan": "calibrant.priorities.asking.ask",
    "posterior_of_table": "calibrant.priorities.tables.posterior",
    "Snapshot": "calibrant.priorities.delphi.release",
    "Consensus": "calibrant.priorities.delphi.consensus",
    "consensus": "calibrant.priorities.delphi.consensus",
    "PublishedTables": "calibrant.priorities.published.result",
    "published_tables": "calibrant.priorities.published.analysis",
    "microdata_of": "calibrant.priorities.published.microdata",
    "Audit": "calibrant.priorities.audit.result",
    "audit_table": "calibrant.priorities.audit.audit",
    "Comments": "calibrant.priorities.qualitative.comments",
    "as_comments": "calibrant.priorities.qualitative.comments",
    "read_codebook": "calibrant.priorities.qualitative.codebook",
}

__all__: list[str] = [*_HOMES]

__getattr__, __dir__ = surface(__name__, _HOMES)
