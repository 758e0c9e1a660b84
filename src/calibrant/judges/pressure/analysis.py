"""What does gold do as answers are picked harder by the judge? The verb, on a table of answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.judges.pressure.bands import (
    FEWEST,
    Curve,
    Flips,
    beaten,
    curve,
    declines,
    improves,
)
from calibrant.judges.pressure.floors import Floors
from calibrant.judges.pressure.forms import Fit, fit
from calibrant.judges.pressure.kl import kl_bound, kl_levels
from calibrant.judges.pressure.nulls import Null, null_answers, real_rows
from calibrant.judges.pressure.order import grid, level_shares, sizes
from calibrant.judges.pressure.result import Pressure, Turn
from calibrant.judges.pressure.sampled import Labelled, Sampled, sampled
from calibrant.judges.pressure.table import Answers, Failed, answers_of
from calibrant.records.frames import table_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEW_VALUES = 20
"""A score with at most so many values is taken to be a scale whose ends have been seen."""

FIT_POINTS = 12


def pressure(
    source: Any,
    *,
    item: str,
    judge: str,
    gold: str,
    null: str | None = None,
    n: int | None = None,
    labelled: Labelled | None = None,
    chance: str | None = None,
    failed: Failed = "leave-out",
    gold_range: tuple[float, float] | None = None,
    same_scale: bool = False,
    level: float = 0.95,
    draws: int = 3999,
    seed: int = 0,
) -> Pressure:
    """Pick the best of n by the judge, for every n, and see what gold says of the pick.

    Prompts are taken as a sample of a kind of prompt, their answers as drawn independently.

    Args:
        source: a table of answers, or a path to one: one row an answer.
        item, judge, gold: columns: the prompt, the judge's score, the gold score.
        null: column that names planted answers (empty, constant, an injection) and is empty for
            real ones; they are compared with the real ones of their prompt (`null_answers`).
        n: the largest n; prompts with fewer answers are left out. By default as many as the
            prompt with the fewest has.
        labelled: "random" if gold labels were given to answers chosen at random; needed if some
            have none and `chance` is not given.
        chance: column with each answer's chance of a gold label, for any other scheme of
            labelling in which every answer had one.
        failed: answers without a judge score are left out ("leave-out"), or never picked while
            there is another ("last", as most best-of-n loops do).
        gold_range: ends of the gold scale. By default those seen, if gold has at most 20 values.
        same_scale: whether judge and gold are on one scale; else the judge is translated.
        level: of intervals, bands and sets.
        draws: sign flips of prompts, and draws of the band.
        seed: of both.

    Raises:
        InputError: for a table or column that is not there, values that are no numbers, fewer than
            `FEWEST` prompts, fewer than two answers a prompt, or missing golds whose choice is
            not stated.
    """
    if not 0.5 <= level < 1:
        raise InputError(f"level: wanted from 0.5 to below 1, got {level!r}")
    if draws < 199:
        raise InputError(f"draws: wanted at least 199, got {draws!r}")
    table = table_of(source, "answers")
    nulls: tuple[Null, ...] = ()
    if null is not None:
        nulls = null_answers(table, item=item, judge=judge, null=null, level=level)
        table = table.filter(real_rows(table, null))
    return _pressure(
        answers_of(table, item, judge, gold, chance), nulls, n, labelled, failed, gold_range,
        same_scale, level, draws, seed,
    )  # fmt: skip


def _pressure(
    answers: Answers,
    nulls: tuple[Null, ...],
    n: int | None,
    labelled: Labelled | None,
    failed: Failed,
    gold_range: tuple[float, float] | None,
    same_scale: bool,
    level: float,
    draws: int,
    seed: int,
) -> Pressure:
    _check(n, labelled, failed, gold_range)
    some = sampled(answers, most=n, labelled=labelled, failed=failed, span=gold_range)
    if len(some.judge) < FEWEST:
        raise InputError(
            f"prompts: wanted at least {FEWEST}"
            + (f" with {n} answers or more" if n else "")
            + f", as prompts are what is sampled, got {len(some.judge)}"
        )
    most = int(some.sizes.min()) if n is None else n
    if most < 2:
        raise InputError(
            f"answers: wanted at least 2 of every prompt, but one of {len(some.judge)} has 1; give "
            "n to leave such prompts out"
        )
    _check_judge(some)
    size = grid(most)
    golds, judged = some.curves(size, "gold"), some.curves(size, "judge")
    least = some.floors(size)
    complete = not any(np.isnan(row).any() for row in some.raw)
    seeds = np.random.SeedSequence(seed).spawn(4)
    gold_curve = curve(
        golds, size, span=_span(some.raw, gold_range) if complete else None, worth=least.worth,
        seed=seeds[0], level=level, draws=draws,
    )  # fmt: skip
    judge_curve = curve(
        judged,
        size,
        span=_span(some.judge, None),
        worth=least.worth,
        seed=seeds[1],
        level=level,
        draws=draws,
    )
    scale, gap = _gap(size, golds, judged, same_scale, level, draws, seeds[2])
    fitted, no_fit = _fit(size, golds, level, seeds[3])
    bound = kl_bound(size)
    unlabelled = int(sum(np.isnan(row).sum() for row in some.raw))
    lost = None
    if unlabelled or some.failed.any():
        lost = (some.curves(size, "low").mean(axis=0), some.curves(size, "high").mean(axis=0))
    return Pressure(
        most, len(some.judge), int(some.sizes.sum() + some.failed.sum()), int(some.failed.sum()),
        unlabelled, some.left_out, gold_curve, judge_curve, scale, gap, bound,
        np.minimum(bound, kl_levels(level_shares_of(some), size)),
        _turn(golds, size, least, level, draws, seed), fitted, no_fit, nulls, lost, level,
        _notes(some, most, n, gap),
    )  # fmt: skip


def level_shares_of(some: Sampled) -> list[Floats]:
    """Shares of each prompt's answers on the judge's levels."""
    return [level_shares(row[None, :])[0] for row in some.judge]


def _check(
    n: int | None, labelled: str | None, failed: str, span: tuple[float, float] | None
) -> None:
    if n is not None and (isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 2):
        raise InputError(f"n: wanted a whole number of at least 2, got {n!r}")
    if labelled not in (None, "all", "random"):
        raise InputError(f"labelled: wanted 'all' or 'random', got {labelled!r}")
    if failed not in ("leave-out", "last"):
        raise InputError(f"failed: wanted 'leave-out' or 'last', got {failed!r}")
    if span is not None and not (np.isfinite(span).all() and span[0] < span[1]):
        raise InputError(f"gold_range: wanted finite low < high, got {span!r}")


def _check_judge(some: Sampled) -> None:
    first = float(some.judge[0][0])
    if all((row == first).all() for row in some.judge):
        raise InputError(f"judge: all its scores are {first:g}, so it never chooses")


def _span(rows: Sequence[Floats], given: tuple[float, float] | None) -> tuple[float, float] | None:
    if given is not None:
        return given
    seen = np.unique(np.concatenate([np.unique(row) for row in rows]))
    return (float(seen[0]), float(seen[-1])) if 1 < seen.size <= FEW_VALUES else None


def turning(
    by_prompt: Floats,
    n: Ints,
    *,
    floors: Floors | None = None,
    level: float = 0.95,
    draws: int = 3999,
    seed: int = 0,
) -> Turn:
    """Where the mean of curves turns: see `Turn`.

    Args:
        by_prompt: shape (prompts, k), gold of the pick among n.
        n: shape (k,), rising.
        floors: what chance alone does to the curves (`floors`). Without them a test trusts the
            spread between prompts even where all agree by luck.

    Raises:
        InputError: for other shapes or too few prompts.
    """
    size = np.asarray(n)
    if size.shape != (np.shape(by_prompt)[-1],) or not (np.diff(size) > 0).all():
        raise InputError(f"n: wanted rising numbers, one for each column, got {size.size}")
    return _turn(by_prompt, sizes(int(size.max()), size), floors, level, draws, seed)


def _turn(
    golds: Floats, n: Ints, least: Floors | None, level: float, draws: int, seed: int
) -> Turn:
    flips = Flips(golds, floors=least, draws=draws, seed=seed)
    alpha = 1 - level + 1e-12
    p = beaten(flips)
    best = int(golds.mean(axis=0).argmax())
    among = np.flatnonzero((p > alpha) | (np.arange(n.size) == best))
    fall = declines(flips, alpha)
    up = np.flatnonzero(improves(flips) <= alpha)
    return Turn(
        int(n[best]),
        tuple(int(x) for x in n[among]),
        float(p[-1]),
        fall.p_value,
        None if fall.first is None else int(n[fall.first]),
        int(n[up[-1]]) if up.size else None,
        level,
        tuple(n.tolist()),
    )


def _gap(
    n: Ints,
    golds: Floats,
    judged: Floats,
    same_scale: bool,
    level: float,
    draws: int,
    seed: np.random.SeedSequence,
) -> tuple[float | None, Curve | None]:
    gold, judge = golds - golds[:, :1], judged - judged[:, :1]
    moved, scale, first = np.zeros(len(golds)), 1.0, 1
    if not same_scale:
        step = judge[:, 1].mean()
        if not step > 1e-10 * max(float(np.abs(judged).max()), 1e-300):
            return None, None
        scale, first = float(gold[:, 1].mean() / step), 2
        # To first order each prompt moves the slope by so much: its error belongs to the gap's.
        moved = (gold[:, 1] - scale * judge[:, 1]) / step
    rows = (scale * judge + moved[:, None] * judge.mean(axis=0) - gold)[:, first:]
    if rows.size == 0 or np.any(
        np.ptp(rows, axis=0) <= 1e-10 * max(float(np.abs(rows).max()), 1e-300)
    ):
        return scale, None
    return scale, curve(rows, n[first:], level=level, draws=draws, seed=seed)


def _fit(
    n: Ints, golds: Floats, level: float, seed: np.random.SeedSequence
) -> tuple[Fit | None, str | None]:
    if n.size < 4:
        return None, f"wanted n up to 4 or more, got {n[-1]}"
    places = np.unique(np.searchsorted(n, np.geomspace(2, n[-1], FIT_POINTS) - 0.5))
    at = places[places < n.size]
    try:
        gains = golds[:, at] - golds[:, :1]
        return fit(np.sqrt(kl_bound(n[at])), gains, level=level, seed=seed), None
    except InputError as e:
        # What cannot be fitted is said, and the rest still stands.
        return None, str(e)


def _notes(some: Sampled, most: int, n: int | None, gap: Curve | None) -> tuple[str, ...]:
    notes = []
    if some.left_out:
        why = f"fewer than {most} scored answers" if n else "no scored answer with a gold label"
        notes.append(f"{some.left_out} prompts are left out: {why}")
    if n is None and some.sizes.max() > some.sizes.min():
        notes.append(
            f"prompts have {some.sizes.min()} to {some.sizes.max()} answers: n goes as far as all "
            "have them"
        )
    if some.failed.any():
        notes.append(
            f"{int(some.failed.sum())} answers without a judge score are left out of the choice"
        )
    if gap is None:
        notes.append("no gap: the judge, or gold, does not tell answers apart")
    if len(some.judge) < 20:
        notes.append(f"{len(some.judge)} prompts: intervals rest on few draws")
    return tuple(notes)
