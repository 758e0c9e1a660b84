"""What is important and untested? The instruments' areas set against the experts' priorities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from calibrant._text import one_line
from calibrant.assurance.assessment import Assessment, read_assessment
from calibrant.errors import InputError
from calibrant.instruments.areas import TAXONOMY, Declared
from calibrant.instruments.core import Touch
from calibrant.priorities.posterior import AreaPosterior
from calibrant.priorities.ranks.places import places, scores, top_chance
from calibrant.records.frames import table_of

TOUCHED = 0.2
"""Coverage below which an area counts as untested."""

LOW = 0.8
"""Chance to stand in the lower half from which an area counts as unimportant."""


@dataclass(frozen=True)
class CoveredArea:
    """One area: how important, how well covered.

    Attributes:
        p_top: chance to be among the first k by promise; None if it is unrated.
        p_lower: chance to stand in the lower half.
        promise: posterior mean; None if unrated. n: ratings behind it.
        coverage: 0 to 1: 1 less the product of what each instrument leaves open.
        instruments: which touch it, with weights and reasons, the heaviest first.
        verdicts: how many claims with these instruments were supported, refuted, undetermined.
        certified: whether one of these is a method with certificates of its own.
    """

    id: str
    name: str
    p_top: float | None
    p_lower: float | None
    promise: float | None
    n: int
    coverage: float
    instruments: tuple[tuple[str, float, str], ...]
    verdicts: Mapping[str, int]
    certified: bool

    @property
    def tested(self) -> bool:
        """Whether instruments answer enough of it to count."""
        return self.coverage >= TOUCHED


@dataclass(frozen=True, repr=False)
class Coverage:
    """Priorities and instruments, area by area.

    Attributes:
        areas: all, the likeliest of the first k first; unrated ones last.
        k: of "the first k".
        expected_untested: how many of the true first k are untested, in expectation.
        untouched: instruments that touch no area.
    """

    areas: tuple[CoveredArea, ...]
    k: int
    expected_untested: float
    untouched: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def gaps(self) -> tuple[CoveredArea, ...]:
        """Important, untested: the likeliest of the first k first."""
        return tuple(a for a in self.areas if not a.tested and a.p_top)

    @property
    def spare(self) -> tuple[CoveredArea, ...]:
        """Tested, unimportant: the likeliest of the lower half first."""
        found = [a for a in self.areas if a.coverage > 0 and (a.p_lower or 0) >= LOW]
        return tuple(sorted(found, key=lambda a: -(a.p_lower or 0)))

    @property
    def unknown(self) -> tuple[CoveredArea, ...]:
        """Unrated areas: neither important nor unimportant."""
        return tuple(a for a in self.areas if a.p_top is None)

    def __repr__(self) -> str:
        touched = sum(a.coverage > 0 for a in self.areas)
        tested = sum(a.tested for a in self.areas)
        return (
            f"instruments touch {touched} of {len(self.areas)} areas, {tested} of them by "
            f"{TOUCHED:.0%} or more; of the first {self.k} by promise, "
            f"{self.expected_untested:.1f} are expected to be untested"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "k": self.k,
            "expected_untested": self.expected_untested,
            "important_untested": [a.id for a in self.gaps],
            "tested_unimportant": [a.id for a in self.spare],
            "unrated": [a.id for a in self.unknown],
            "touch_no_area": list(self.untouched),
            "areas": [_plain(a) for a in self.areas],
            "notes": list(self.notes),
        }


def _plain(area: CoveredArea) -> dict[str, Any]:
    found = asdict(area) | {"tested": area.tested}
    found["instruments"] = [
        {"instrument": i, "weight": w, "why": why} for i, w, why in area.instruments
    ]
    return found


def cover(
    posterior: AreaPosterior,
    declared: Sequence[Declared],
    *,
    assessments: Iterable[Assessment] = (),
    names: Mapping[str, str] | None = None,
    top: int = 10,
    min_ratings: int = 3,
    seed: int = 0,
) -> Coverage:
    """Set instruments against priorities.

    Args:
        declared: what touches which areas.
        assessments: whose claims' verdicts count for the instruments they used.
        names: areas of the taxonomy with their names; those not in the posterior are unrated.
        top: k, of the first k areas by promise.
        min_ratings: areas rated by fewer are unrated.

    Raises:
        InputError: for a top as large as the number of rated areas.
    """
    names = names or {}
    rated = np.max(np.stack([np.asarray(v) for v in posterior.n.values()]), axis=0)
    keep = np.flatnonzero(rated >= min_ratings)
    if not 1 <= top < keep.size:
        raise InputError(
            f"top: wanted fewer than the {keep.size} areas that are rated enough, got {top} (--top)"
        )
    score = scores(posterior, "promise")[:, keep]
    ranks = places(score, seed)
    p_top = top_chance(ranks, top)
    p_lower = (ranks > (keep.size + 1) / 2).mean(axis=0)
    verdicts, notes = _verdicts(assessments, {d.instrument for d in declared})
    touches = _touches(declared)
    count = dict(zip(posterior.areas, rated.tolist(), strict=True))
    at = {posterior.areas[a]: i for i, a in enumerate(keep)}
    every = [*posterior.areas, *(a for a in {**names, **touches} if a not in count)]
    certified = {d.instrument for d in declared if d.certificates}
    areas = []
    for id in every:
        mine = touches.get(id, ())
        where = at.get(id)
        totals = {v: sum(verdicts.get(i, {}).get(v, 0) for i, _, _ in mine)
                  for v in ("supported", "refuted", "undetermined")}  # fmt: skip
        areas.append(CoveredArea(
            id, names.get(id, id),
            None if where is None else float(p_top[where]),
            None if where is None else float(p_lower[where]),
            None if where is None else float(score[:, where].mean()),
            int(count.get(id, 0)), float(1 - np.prod([1 - w for _, w, _ in mine])),
            mine, totals, any(i in certified for i, _, _ in mine),
        ))  # fmt: skip
    areas.sort(key=lambda a: (a.p_top is None, -(a.p_top or 0), -(a.promise or 0)))
    missing = sum((a.p_top or 0) for a in areas if not a.tested)
    strange = sorted(set(touches) - set(names) - set(count)) if names else []
    if strange:
        notes.append(f"declared areas that the taxonomy lacks: {', '.join(strange[:5])}")
    return Coverage(
        tuple(areas), top, float(missing),
        tuple(d.instrument for d in declared if not d.areas), tuple(notes),
    )  # fmt: skip


def _touches(declared: Sequence[Declared]) -> dict[str, tuple[tuple[str, float, str], ...]]:
    found: dict[str, dict[str, tuple[float, str]]] = {}
    for d in declared:
        for t in d.areas:
            mine = found.setdefault(t.area, {})
            # Two declarations of one instrument and area: the larger holds.
            if t.weight > mine.get(d.instrument, (0.0, ""))[0]:
                mine[d.instrument] = (t.weight, t.why)
    return {
        area: tuple(sorted(((i, w, why) for i, (w, why) in mine.items()), key=lambda x: -x[1]))
        for area, mine in found.items()
    }


def _verdicts(
    assessments: Iterable[Assessment], known: set[str]
) -> tuple[dict[str, dict[str, int]], list[str]]:
    found: dict[str, dict[str, int]] = {}
    for assessment in assessments:
        for result in assessment.claims:
            mine = found.setdefault(result.claim.instrument, {})
            mine[result.verdict] = mine.get(result.verdict, 0) + 1
    lost = sorted(set(found) - known)
    notes = []
    if lost:
        some = ", ".join(one_line(name, 60) for name in lost[:5])
        notes.append(f"claims with instruments that declare no areas do not count: {some}")
    return found, notes


def read_declared(source: str | Path | Any, find: Any = None) -> tuple[Declared, ...]:
    """Users' own declarations: a table (columns instrument, area; weight, why if there), or YAML.

    YAML is a mapping of instruments to a list of areas, or to a mapping of areas to weights.
    Without a weight, 0.25: an instrument rarely answers more of an area.

    Args:
        find: takes an id or name and returns the id; raises InputError for an unknown one.

    Raises:
        InputError: naming the row or instrument that is wrong.
    """
    rows: list[tuple[str, str, Any, str, str]] = []
    if isinstance(source, str | Path) and Path(source).suffix.lower() in (".yaml", ".yml"):
        rows = _yaml_rows(Path(source))
    else:
        frame = table_of(source, "instruments")
        missing = [c for c in ("instrument", "area") if c not in frame.columns]
        if missing:
            raise InputError(
                f"instruments: no column {', '.join(missing)}; wanted instrument, area, weight"
            )
        for at, row in enumerate(
            frame.with_columns(pl.all().cast(pl.String)).iter_rows(named=True)
        ):
            rows.append((row["instrument"] or "", row["area"] or "", row.get("weight"),
                         row.get("why") or "", f"instruments: row {at + 1}"))  # fmt: skip
    found: dict[str, list[Touch]] = {}
    for instrument, area, weight, why, where in rows:
        if not instrument.strip() or not area.strip():
            raise InputError(f"{where}: wanted an instrument and an area, got an empty cell")
        try:
            id = find(area.strip()) if find else area.strip()
        except InputError as e:
            raise InputError(f"{where}: {e}") from None
        touch = Touch(id, _weight(weight, where), one_line(why, 200))
        found.setdefault(instrument.strip(), []).append(touch)
    return tuple(Declared(i, tuple(t), None) for i, t in found.items())


def _weight(value: Any, where: str) -> float:
    if value is None or str(value).strip() == "":
        return 0.25
    try:
        weight = float(value)
    except (TypeError, ValueError):
        weight = float("nan")
    if not 0 < weight <= 1:
        raise InputError(
            f"{where}: weight: wanted above 0, at most 1, got {one_line(str(value), 40)!r}"
        )
    return weight


def _yaml_rows(path: Path) -> list[tuple[str, str, Any, str, str]]:
    import yaml

    try:
        plain = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as e:
        said = getattr(e, "strerror", None) or one_line(str(e), 120)
        raise InputError(f"{path}: cannot be read as YAML: {said}") from e
    if not isinstance(plain, dict):
        raise InputError(f"{path}: wanted a mapping of instruments to areas")
    rows: list[tuple[str, str, Any, str, str]] = []
    for instrument, areas in plain.items():
        where = f"{path}: {one_line(str(instrument), 60)}"
        if isinstance(areas, dict):
            rows += [(str(instrument), str(a), w, "", where) for a, w in areas.items()]
        elif isinstance(areas, list):
            rows += [(str(instrument), str(a), None, "", where) for a in areas]
        else:
            raise InputError(f"{where}: wanted a list of areas, or a mapping of areas to weights")
    return rows


def find_assessments(paths: Iterable[str | Path]) -> list[Assessment]:
    """Every assessment in files and folders, and in folders right below them.

    Raises:
        InputError: for a path that holds none.
    """
    found = []
    for given in paths:
        path = Path(given)
        files = [path]
        if path.is_dir():
            files = sorted({*path.glob("assessment.json"), *path.glob("*/assessment.json")})
            if not files:
                raise InputError(f"{path}: holds no assessment.json")
        found += [read_assessment(file) for file in files]
    return found


__all__ = [
    "TAXONOMY",
    "Coverage",
    "CoveredArea",
    "cover",
    "find_assessments",
    "read_declared",
]
