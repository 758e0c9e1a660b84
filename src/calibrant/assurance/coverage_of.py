"""Coverage from files: ratings or a table of means, declarations, assessments."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from calibrant.assurance.coverage import (
    TAXONOMY,
    Coverage,
    cover,
    find_assessments,
    read_declared,
)
from calibrant.instruments.areas import Declared, shipped
from calibrant.priorities.ranks.believed import Believed, believed
from calibrant.priorities.taxonomy import load_taxonomy


def coverage_of(
    source: Any,
    *,
    instruments: Any = None,
    only_mine: bool = False,
    assessments: Iterable[str | Path] = (),
    top: int = 10,
    min_ratings: int = 3,
    survey: Any = None,
    taxonomy: str | Path | None = None,
    scale: str | int | None = None,
    own: Any = None,
    seed: int = 0,
) -> Coverage:
    """What is important and untested, from files.

    Args:
        source: a ratings table, a published table of means, or what `believed` made of one.
        instruments: users' own declarations; see `read_declared`.
        only_mine: whether calibrant's own instruments are left out.
        assessments: files or folders; the verdicts of their claims count.
        survey, taxonomy, scale, own: of the ratings; see `believed`. Calibrant's own declarations
            count only in the taxonomy they are written for.

    Raises:
        InputError: for wrong input.
    """
    known = source if isinstance(source, Believed) else believed(
        source, survey=survey, taxonomy=taxonomy, scale=scale, own=own, seed=seed
    )  # fmt: skip
    labels = known.labels
    ours = all(a in load_taxonomy(TAXONOMY) for a in labels.names or known.posterior.areas)
    declared: list[Declared] = []
    notes = []
    if not only_mine and ours:
        declared += shipped()
    elif not only_mine:
        notes.append(f"calibrant's own instruments declare areas of {TAXONOMY} only: left out")
    find = None
    if ours:
        every = load_taxonomy(TAXONOMY)

        def find(text: str) -> str:
            return every.find(text).id

    if instruments is not None:
        declared += read_declared(instruments, find)
    from dataclasses import replace

    found = cover(
        known.posterior, declared, assessments=find_assessments(assessments),
        names=labels.names, top=top, min_ratings=min_ratings, seed=seed,
    )  # fmt: skip
    return replace(found, notes=(*found.notes, *notes))
