"""Which files can the organiser take away, and what is in them?"""

from __future__ import annotations

from calibrant.priorities.exchange import Answers, qualtrics_csv
from calibrant.priorities.taxonomy import parse_taxonomy
from calibrant.records.cells import to_bytes
from calibrant.web.survey.kept.store import Store
from calibrant.web.survey.organising.results import TABLES, respondents

__all__ = ["FILES", "file", "respondents"]

CSV = "text/csv; charset=utf-8"
PARQUET = "application/vnd.apache.parquet"

FILES: dict[str, tuple[str, tuple[str, ...]]] = {
    "ratings": (
        "Every answer with its state (answered, don't know, skipped, not shown), as "
        "'calibrant priorities rank' reads it",
        ("csv", "parquet"),
    ),
    "comments": ("What respondents wrote", ("csv", "parquet")),
    "demographics": ("What respondents said of themselves", ("csv", "parquet")),
    "own-areas": ("Areas that respondents work in: declared conflicts of interest",
                  ("csv", "parquet")),
    "process": ("Revisions, reasons and seconds, for checks of integrity", ("csv", "parquet")),
    "respondents": ("Who took part, without names: finished or left", ("csv", "parquet")),
    "qualtrics": ("Answers, comments and demographics in one table like those of Qualtrics: three "
                  "header rows, then a row for each respondent and round", ("csv",)),
}  # fmt: skip
"""Each file's name with what is in it and its endings."""


def file(store: Store, name: str) -> tuple[bytes, str]:
    """A file's bytes and its media type, by a name such as "ratings.csv".

    No cell of a CSV file is taken for a formula by a spreadsheet.

    Raises:
        KeyError: if there is no such file.
    """
    what, _, ending = name.rpartition(".")
    if ending not in FILES[what][1]:
        raise KeyError(name)
    if what == "qualtrics":
        return _qualtrics(store), CSV
    return to_bytes(TABLES[what](store), f".{ending}"), CSV if ending == "csv" else PARQUET


def _qualtrics(store: Store) -> bytes:
    """Everything but how answers came about."""
    beside = ("comments", "demographics", "own-areas", "respondents")
    tables = {name.replace("-", "_"): TABLES[name](store) for name in beside}
    answers = Answers.of(TABLES["ratings"](store), **tables)
    taxonomy = parse_taxonomy({
        **store.areas.to_dict(), "id": store.areas.id or store.survey.id,
        "version": store.areas.version or "1",
    })  # fmt: skip
    return qualtrics_csv(answers, store.survey, taxonomy)
