"""Which areas do respondents miss? Proposals, grouped by wording, for a person to decide."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.qualitative.comments import Comments
from calibrant.priorities.taxonomy import Taxonomy
from calibrant.priorities.taxonomy.apply import next_version
from calibrant.priorities.taxonomy.changes import Change
from calibrant.records.cells import uncell
from calibrant.records.frames import table_of

Floats = NDArray[np.float64]

METHOD = (
    "cosine of three-letter sequences, weighted by how few proposals and areas have them; a group "
    "is one where every two proposals are at least this alike (complete linkage)"
)
MOST = 2000
"""Proposals that are compared, each with each."""

_NOTHING = {"", "-", "no", "none", "nothing", "n/a", "na", "nil", "not that i know of"}
_DECISIONS = ("add", "covered", "no")
DECIDE = ("group", "decision", "to", "id", "name", "description", "by", "why")


@dataclass(frozen=True)
class Proposal:
    """One proposed area, as it was worded."""

    comment: str
    respondent: str
    category: str
    words: str


@dataclass(frozen=True)
class Group:
    """Proposals of like wording.

    Attributes:
        number: from 1, those that most respondents propose first.
        respondents: who proposed something in it.
        nearest: areas of the taxonomy by likeness of wording: id, name, 0–1.
    """

    number: int
    proposals: tuple[Proposal, ...]
    respondents: int
    nearest: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True, repr=False)
class Missing:
    """What respondents miss in a taxonomy.

    Attributes:
        alike: how alike proposals of a group are at least, by `method`.
    """

    taxonomy: str
    version: str
    alike: float
    method: str
    groups: tuple[Group, ...]

    def __repr__(self) -> str:
        many = sum(len(g.proposals) for g in self.groups)
        return f"Missing: {many:,} proposals in {len(self.groups):,} groups"

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def table(self) -> pl.DataFrame:
        """One row a proposal, with empty columns for a decision on each group's first row."""
        rows = [
            (g.number, p.words, g.respondents, p.category,
             "; ".join(f"{i} {name} ({a:.2f})" for i, name, a in g.nearest), *[""] * 7)
            for g in self.groups for p in g.proposals
        ]  # fmt: skip
        kinds: dict[str, Any] = {"group": pl.Int64(), "words": pl.String(),
                                 "respondents": pl.Int64(), "category": pl.String(),
                                 "nearest": pl.String()}  # fmt: skip
        return pl.DataFrame(rows, schema=kinds | dict.fromkeys(DECIDE[1:], pl.String()),
                            orient="row")  # fmt: skip


def missing(comments: Comments, taxonomy: Taxonomy, *, alike: float = 0.5) -> Missing:
    """Proposed areas in groups of like wording, and the areas that they may already be.

    Each line, or part between semicolons, of a comment is a proposal. Likeness is of letters, not
    of meaning: it puts rewordings together, and a person decides what they are.

    Args:
        comments: answers to the question for missing areas alone (`Comments.of`).
        alike: 0–1, how alike two proposals of a group are at least.

    Raises:
        InputError: for a likeness outside 0–1, no proposal, or more than 2000.
    """
    if not 0 < alike <= 1:
        raise InputError(f"alike: wanted a number above 0 up to 1, got {alike:g}")
    found = [Proposal(c.id, c.respondent, c.category, words)
             for c in comments.rows for words in _parts(c.text)]  # fmt: skip
    if not 0 < len(found) <= MOST:
        raise InputError(f"comments: wanted 1 to {MOST} proposals, got {len(found)}")
    areas = taxonomy.areas
    vectors = _vectors([p.words for p in found] + [f"{a.name} {' '.join(a.also)}" for a in areas])
    own, theirs = vectors[: len(found)], vectors[len(found) :]
    to_areas = own @ theirs.T
    groups = []
    for members in _linked(own @ own.T, alike):
        near = to_areas[members].max(axis=0)
        order = np.argsort(-near, kind="stable")[:3]
        groups.append((
            tuple(found[i] for i in members), len({found[i].respondent for i in members}),
            tuple((areas[j].id, areas[j].name, round(float(near[j]), 3))
                  for j in order if near[j] > 0),
        ))  # fmt: skip
    groups.sort(key=lambda g: (-g[1], -len(g[0]), g[0][0].words.casefold()))
    return Missing(
        taxonomy.id, taxonomy.version, alike, METHOD,
        tuple(Group(number, *g) for number, g in enumerate(groups, 1)),
    )  # fmt: skip


def _parts(text: str) -> list[str]:
    parts = (re.sub(r"^\s*(?:[-*•–]|\d+[.)])\s*", "", t).strip() for t in re.split(r"[\n;]+", text))
    return [p for p in parts if p.casefold().strip(" .!") not in _NOTHING]


def _grams(text: str) -> Counter[str]:
    words = " ".join(re.findall(r"\w+", text.casefold()))
    padded = f" {words} "
    return Counter(padded[i : i + 3] for i in range(len(padded) - 2))


def _vectors(texts: Sequence[str]) -> Floats:
    """Each text's three-letter sequences, weighted and of length 1; shape (texts, sequences)."""
    grams = [_grams(t) for t in texts]
    known = Counter(g for each in grams for g in each)
    place = {g: i for i, g in enumerate(sorted(known))}
    found = np.zeros((len(texts), max(len(place), 1)))
    for row, each in enumerate(grams):
        for g, n in each.items():
            found[row, place[g]] = n * math.log((1 + len(texts)) / known[g])
    size = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.where(size > 0, size, 1.0))


def _linked(like: Floats, least: float) -> list[list[int]]:
    """Groups in which every two are at least so alike, joining the most alike first."""
    group = {i: [i] for i in range(len(like))}
    at = list(range(len(like)))
    one, two = np.triu_indices(len(like), 1)
    strong = like[one, two] >= least - 1e-12
    one, two = one[strong], two[strong]
    for k in np.argsort(-like[one, two], kind="stable"):
        a, b = at[one[k]], at[two[k]]
        if a != b and like[np.ix_(group[a], group[b])].min() >= least - 1e-12:
            group[a] += group[b]
            for i in group.pop(b):
                at[i] = a
    return [sorted(members) for members in group.values()]


def decided(found: Missing, decisions: Any) -> tuple[Change, ...]:
    """The changes to the taxonomy that a person decided on.

    Args:
        decisions: the table of `Missing.table`, with "add", "covered" or "no" as the decision of a
            group; "add" wants to (a category's id), id and name, and by always says who decided.

    Raises:
        InputError: naming the row: no such group, an unknown decision, two for one group, or one
            that lacks something.
    """
    frame = table_of(decisions, "decisions")
    lacking = [c for c in DECIDE if c not in frame.columns]
    if lacking:
        raise InputError(f"decisions: no column {', '.join(lacking)}")
    groups = {g.number: g for g in found.groups}
    seen: set[int] = set()
    changes = []
    for number, row in enumerate(frame.select(pl.col(DECIDE).cast(pl.String)).to_dicts(), 1):
        said = {k: uncell(v or "").strip() for k, v in row.items()}
        if not said["decision"]:
            continue
        where = f"decisions: row {number}"
        group = int(said["group"]) if said["group"].isascii() and said["group"].isdigit() else 0
        if group not in groups:
            raise InputError(f"{where}: there is no group {one_line(said['group'], 20)!r}")
        if group in seen:
            raise InputError(f"{where}: group {group} is decided twice")
        seen.add(group)
        change = _decision(said, groups[group], where)
        if change is not None:
            changes.append(change)
    return tuple(changes)


def _decision(said: Mapping[str, str], group: Group, where: str) -> Change | None:
    if said["decision"] not in _DECISIONS:
        raise InputError(
            f"{where}: decision {one_line(said['decision'], 40)!r}; wanted {', '.join(_DECISIONS)}"
        )
    wanted = ("by", "to", "id", "name") if said["decision"] == "add" else ("by",)
    for key in wanted:
        if not said[key]:
            raise InputError(f"{where}: {said['decision']}: {key} is empty")
    if said["decision"] != "add":
        return None
    many = f"{group.respondents} respondent{'s' if group.respondents != 1 else ''}"
    why = f"Proposed by {many}; decided by {said['by']}"
    why += f": {said['why']}" if said["why"] else ""
    return Change("add", into=((said["id"], said["name"], said["description"]),), to=said["to"],
                  why=one_line(why, 2000))  # fmt: skip


def taxonomy_file(
    old: Taxonomy, extends: str, changes: Sequence[Change], version: str
) -> dict[str, Any]:
    """A taxonomy's file that makes these changes, after trying them.

    Args:
        extends: how the file calls the taxonomy that it goes on from.

    Raises:
        InputError: if nothing is added, or the changes do not fit.
    """
    if not changes:
        raise InputError("decisions: no group is to be added: there is no new version")
    next_version(old, changes, version, where="decisions")
    return {"id": old.id, "version": version, "extends": extends,
            "changes": [c.to_dict() for c in changes]}  # fmt: skip
