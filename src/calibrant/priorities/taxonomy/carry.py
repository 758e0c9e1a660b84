"""What do ratings of one version of a taxonomy say in a later one?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.taxonomy.read import load_taxonomy
from calibrant.priorities.taxonomy.taxonomy import Taxonomy
from calibrant.records.ratings import RATINGS, STATES, Ratings, as_ratings

Differing = Literal["mean", "drop"]


@dataclass(frozen=True, repr=False, eq=False)
class Carried:
    """Ratings in a later version.

    Attributes:
        ratings: what could be carried.
        origins: each area of the later version that has ratings, with the ids it had before.
        not_carried: each old area that could not be carried, with what became of it.
        pooled: cells (a respondent, area, question and round) made of more than one rating.
        differing: those of them whose ratings were not all the same number.
        old, new: the versions.
        notes: what a reader must know, one sentence each.
    """

    ratings: Ratings
    origins: Mapping[str, tuple[str, ...]]
    not_carried: Mapping[str, str]
    pooled: int
    differing: int
    old: str
    new: str
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        many = sum(len(o) for o in self.origins.values())
        return (
            f"Carried from version {self.old} to {self.new}: ratings of {many} areas to "
            f"{len(self.origins)}; {len(self.not_carried)} not carried"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, without the ratings."""
        return {
            "old": self.old, "new": self.new,
            "origins": {k: list(v) for k, v in self.origins.items()},
            "not_carried": dict(self.not_carried), "pooled": self.pooled,
            "differing": self.differing, "notes": list(self.notes),
        }  # fmt: skip


def lineage(taxonomy: Taxonomy, since: str) -> dict[str, tuple[str | None, str]]:
    """What became of ids of an earlier version.

    Args:
        taxonomy: the later version, with its history.
        since: the earlier version.

    Returns:
        Each old id that is not simply there still: the area that has all of it now (None where
        there is no one such area), and what was done.

    Raises:
        InputError: if the history does not reach back to `since`.
    """
    if since not in taxonomy.versions:
        raise InputError(
            f"taxonomy {taxonomy.id}, version {taxonomy.version}: knows no version "
            f"{one_line(since, 40)!r}; its history has {', '.join(taxonomy.versions)}"
        )
    became: dict[str, tuple[str | None, str]] = {}
    for step in taxonomy.history[taxonomy.versions.index(since) :]:
        for c in step.changes:
            whole = c.made[0] if c.op == "merge" else None
            for id, said in c.gone.items():
                for old, (now, before) in list(became.items()):
                    if now == id:
                        became[old] = (whole, f"{before}, then {said}")
                became[id] = (whole, said)
    return became


def carry(
    ratings: Any,
    taxonomy: str | Taxonomy,
    since: str,
    *,
    differing: Differing = "mean",
) -> Carried:
    """Ratings of an earlier version of a taxonomy, in a later one.

    Areas that were renamed or moved are the same areas. Areas that were merged are one: a
    respondent who rated several of them counts once. What was split or retired is not carried,
    and said.

    Args:
        ratings: as `as_ratings` takes them, of version `since`.
        taxonomy: the later version.
        since: the version that was rated.
        differing: what a respondent said about the merged area who rated its parts with different
            numbers: their "mean" (which may be no whole number: a model of ordered answers
            refuses it), or nothing ("drop").

    Raises:
        InputError: if the ratings are wrong, name an area that version did not have, or the
            taxonomy's history does not reach back to `since`.
    """
    if differing not in ("mean", "drop"):
        raise InputError(f"differing: wanted mean or drop, got {one_line(repr(differing), 40)}")
    new = load_taxonomy(taxonomy)
    became = lineage(new, since)
    table = as_ratings(ratings)
    _check_areas(table, new, became, since)
    whole = {old: now for old, (now, _) in became.items() if now is not None}
    areas = sorted(set(table.frame["area"].to_list()))
    lost = {a: became[a][1] for a in areas if a in became and a not in whole}
    frame = table.frame.filter(~pl.col("area").is_in(list(lost)))
    frame = frame.with_columns(
        pl.col("area").alias("_from"), pl.col("area").replace(whole).alias("area")
    )
    frame, pooled, unlike = _pooled(frame, differing)
    origins: dict[str, tuple[str, ...]] = {}
    for a in areas:
        if a not in lost:
            now = whole.get(a, a)
            origins[now] = (*origins.get(now, ()), a)
    return Carried(
        as_ratings(frame), origins, lost, pooled, unlike, since, new.version,
        _notes(origins, lost, pooled, unlike, differing),
    )  # fmt: skip


def _check_areas(table: Ratings, new: Taxonomy, became: Mapping[str, Any], since: str) -> None:
    later = {
        i for step in new.history[new.versions.index(since) :] for c in step.changes for i in c.made
    }
    for area in sorted(set(table.frame["area"].to_list())):
        if area in later or (area not in new and area not in became):
            raise InputError(
                f"ratings: area {one_line(area, 60)!r} is not in version {since} of {new.id}"
            )


def _pooled(frame: pl.DataFrame, differing: Differing) -> tuple[pl.DataFrame, int, int]:
    """One row per respondent, area, question and round."""
    key = ["respondent", "area", "question", "round"]
    many = frame.select(key).is_duplicated()
    alone, several = frame.filter(~many), frame.filter(many)
    value = pl.col("value")
    merged = (
        several.group_by(key, maintain_order=True)
        .agg(
            value.mean().alias("value"),
            (value.drop_nulls().n_unique() > 1).alias("_unlike"),
            # What says most about the whole: an answer before none, not shown last.
            pl.col("state").replace_strict({s: i for i, s in enumerate(STATES)}).min(),
            pl.col("time").max(),
        )
        .with_columns(pl.col("state").replace_strict(dict(enumerate(STATES))))
    )
    unlike = int(merged["_unlike"].sum()) if merged.height else 0
    if differing == "drop":
        merged = merged.filter(~pl.col("_unlike"))
    columns = list(RATINGS)
    return (
        pl.concat([alone.select(columns), merged.select(columns)]),
        several.select(key).n_unique() if several.height else 0,
        unlike,
    )


def _notes(
    origins: Mapping[str, tuple[str, ...]],
    lost: Mapping[str, str],
    pooled: int,
    unlike: int,
    differing: Differing,
) -> tuple[str, ...]:
    notes = [f"{area}: not carried, as it was {why}" for area, why in lost.items()]
    merged = {now: old for now, old in origins.items() if old != (now,)}
    notes += [f"{now}: ratings of {' and '.join(old)}" for now, old in merged.items()]
    if pooled:
        said = f"{pooled:,} cell{'s' * (pooled != 1)} had several ratings of one respondent, who "
        said += "counts once"
        if unlike:
            done = "their mean is taken" if differing == "mean" else "these were dropped"
            said += f"; in {unlike:,} the numbers differed: {done}"
        notes.append(said)
    return tuple(notes)
