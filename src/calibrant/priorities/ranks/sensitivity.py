"""Would another analysis fund other areas? Don't-knows read otherwise, respondents left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.priorities.posterior import AreaPosterior
from calibrant.priorities.ranks.crowd import without_each
from calibrant.priorities.ranks.halo import heard_of
from calibrant.priorities.ranks.places import best, scores
from calibrant.priorities.ranks.rank import change, natural, respondents
from calibrant.priorities.ranks.result import Change
from calibrant.priorities.ranks.source import Settings
from calibrant.records.ratings import Ratings

Floats = NDArray[np.float64]

POINTS = 16
"""Points of the spreads in refits."""

REFITTED = 5
"""Respondents who are left out of the model itself, unless all are asked for."""


def quick(settings: Settings) -> Settings:
    """Settings of refits: the analysis they are held against is fitted so too, with the same noise,
    so that nothing but what is tried differs."""
    return replace(settings, engine="laplace", points=POINTS)


class Frame:
    """An analysis that others are held against."""

    def __init__(self, posterior: AreaPosterior, by: str, top: int, least: int) -> None:
        n = respondents(posterior)
        kept = np.flatnonzero(n >= least)
        every = scores(posterior, by)
        self.by, self.least = by, least
        self.main = {posterior.areas[a]: every[:, a] for a in np.flatnonzero(n > 0)}
        self.base = [posterior.areas[kept[a]] for a in best(every[:, kept], top)]

    def change(
        self, what: str, option: str, other: AreaPosterior, least: int | None = None
    ) -> Change:
        """What the other posterior would fund instead."""
        n = respondents(other)
        kept = np.flatnonzero(n >= (self.least if least is None else least))
        score = scores(other, self.by)[:, kept]
        ids = [other.areas[a] for a in kept]
        return change(what, option, score=score, ids=ids, base=self.base, main=self.main)


def dont_knows(
    ratings: Ratings, held: Frame, settings: Settings, shift: float = 1.0
) -> list[Change]:
    """Don't-knows not ignored: as the lowest answer, or as answers shifted against the others'.

    Args:
        shift: in residual standard deviations of one rating.
    """
    silent = int((ratings.frame["state"] == "don't know").sum())
    if not silent:
        return []
    lost = pl.col("state") == "don't know"
    worst = ratings.frame.with_columns(
        pl.when(lost).then(1.0).otherwise(pl.col("value")).alias("value"),
        pl.when(lost).then(pl.lit("answered")).otherwise(pl.col("state")).alias("state"),
    )
    out = [held.change("don't-knows", "pessimistic: all as 1", settings.fit(Ratings(worst)))]
    for sign, word in ((-1, "lower"), (1, "higher")):
        other = replace(settings, dont_know=sign * shift).fit(ratings)
        option = f"modelled: {shift:g} SD {word} than those who answered"
        out.append(held.change("don't-knows", option, other))
    return out


def each_respondent(
    ratings: Ratings, held: Frame, settings: Settings, *, everyone: bool = False
) -> tuple[list[Change], list[str]]:
    """What is funded without each respondent in turn, most influential first.

    All are left out of a linear model first, with its variances held; those who change the most
    there (all, if `everyone`) are then left out of the model itself, which is fitted anew.

    Returns:
        The changes, and notes on those who cannot be left out.
    """
    if not {"importance", "tractability"} <= set(ratings.frame["question"].unique().to_list()):
        return [], ["respondents are left out in turn only where both questions were asked"]
    order = screen(ratings, held, settings)
    chosen = order if everyone else order[:REFITTED]
    out, notes, top = [], [], len(held.base)
    for name in chosen:
        other = settings.fit(Ratings(ratings.frame.filter(pl.col("respondent") != name)))
        if (respondents(other) >= held.least).sum() < top:
            notes.append(f"without {one_line(name, 40)} fewer than {top} areas can be ranked")
            continue
        out.append(held.change("respondent", f"without {name}", other))
    if not everyone:
        notes.append(
            f"the {len(chosen)} most influential of {len(order)} respondents were left out in turn"
        )
    return sorted(out, key=lambda c: (c.overlap, -(c.regret or 0.0))), notes


def screen(ratings: Ratings, held: Frame, settings: Settings) -> list[str]:
    """Respondents by how much the areas' expected promise moves without them, in a linear model."""
    areas = tuple(sorted(ratings.frame["area"].unique().to_list(), key=natural))
    names, heard, category = heard_of(
        ratings, areas, ("importance", "tractability"), settings.own, settings.categories
    )
    near = np.array([a in held.main for a in areas])
    base, others = without_each(heard, category, len(names), (1.0, float(settings.most)))
    moved = [_lost(_promise(base), _promise(o), near, len(held.base)) for o in others]
    order = np.lexsort((np.arange(len(names)), -np.array(moved)))
    return [names[r] for r in order]


def _lost(base: Floats, other: Floats, near: NDArray[np.bool_], top: int) -> float:
    """What the other's best set is short of, by the base's expectation; ties by all shifts."""
    chosen = np.argsort(-np.where(near, other, -np.inf), kind="stable")[:top]
    now = np.sort(base[near])[-top:].sum()
    return float(now - base[chosen].sum() + 1e-3 * np.abs(other - base)[near].mean())


def _promise(means: Floats) -> Floats:
    first, second = means.reshape(2, -1)
    return np.asarray(first * second)
