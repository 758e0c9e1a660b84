"""Which answers are meant? From a long table: choices, probabilities, trials or finished rungs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.records.frames import table_of
from calibrant.scaling.metrics.rungs import (
    Answers,
    Floats,
    chances,
    of_choices,
    of_probabilities,
    of_trials,
    rung,
)  # fmt: skip
from calibrant.scaling.read import SUBJECTS

COLUMNS: dict[str, tuple[str, ...]] = {
    "subject": SUBJECTS,
    "scale": ("scale", "compute", "flops", "flop", "log10_compute"),
    "measure": ("measure", "task", "skill", "benchmark", "instrument"),
    "item": ("item", "question", "item_id", "doc_id"),
    "cluster": ("cluster", "group"),
    "choice": ("choice", "option"),
    "logprob": ("logprob", "log_prob", "logp", "loglikelihood"),
    "correct": ("correct", "is_correct", "gold"),
    "probability": ("probability", "p", "p_correct"),
    "score": ("score", "right", "acc"),
    "rung": ("rung", "metric"),
    "value": ("value",),
    "se": ("se", "stderr", "standard_error"),
}
"""Names by which each column is found, in any case."""

WHO = ("subject", "scale")
"""Columns of a table of scales."""
LEAST = 2
"""Items that are counted on, at least."""
FARTHEST = 100
"""A logarithm of compute beyond which it is a slip, as of compute itself."""
LOWEST = 1e9
"""Nats beyond which a value is a slip; their squares would not fit a number."""


def read_answers(
    source: Any,
    *,
    columns: Mapping[str, str] | None = None,
    ks: tuple[int, ...] = (4,),
    log: bool = True,
    scales: Any = None,
) -> tuple[list[Answers], dict[str, dict[str, Floats]], list[str]]:
    """Read what subjects of growing scale answered.

    A table with one row for each choice (item, choice, logprob, correct), each item (item, logprob
    or probability, and score if known), each trial (item, score; several rows an item), or each
    finished rung (rung, value).

    Args:
        source: a path or a table.
        columns: what columns are called, such as {"scale": "FLOPs"}; others are found by `COLUMNS`.
        ks: of pass^k.
        log: whether the scale is yet to be taken the logarithm of.
        scales: a path or a table of subject and scale, where the source has no scale, as trials.

    Returns:
        the answers to each measure; for finished rungs their standard errors, by measure and rung;
        notes.

    Raises:
        InputError: naming the column or row that is wrong.
    """
    table = table_of(source, "metrics")
    if scales is not None:
        table = _scaled(table, table_of(scales, "scales"), columns or {})
    at = _columns(table, columns or {})
    for need in ("subject", "scale"):
        if need not in at:
            raise InputError(f"metrics: wanted a column {need!r}; there are {_there(table)}")
    if not table.height:
        raise InputError("metrics: the table has no rows")
    table = table.with_row_index("_row", offset=1)
    scale = _numbers(table, at["scale"])
    if log and (scale <= 0).any():
        row = int(np.flatnonzero(scale <= 0)[0]) + 1
        raise InputError(f"metrics: row {row}: wanted a scale above 0, got {scale[row - 1]:g}")
    if not log and (np.abs(scale) > FARTHEST).any():
        row = int(np.flatnonzero(np.abs(scale) > FARTHEST)[0]) + 1
        said = f"wanted a base-10 logarithm, at most {FARTHEST}, got {scale[row - 1]:g}"
        raise InputError(f"metrics: row {row}: {said}")
    table = table.with_columns(pl.Series("_x", np.log10(scale) if log else scale))
    measures = _texts(table, at["measure"]) if "measure" in at else np.full(table.height, "all")
    found: list[Answers] = []
    errors: dict[str, dict[str, Floats]] = {}
    notes: list[str] = []
    if "score" in at and "error" in table.columns:
        table, measures = _answered(table, at["score"], measures, notes)
    for name in dict.fromkeys(measures.tolist()):
        part = table.filter(pl.Series(measures == name))
        if "rung" in at and "value" in at:
            answers, errors[name] = _finished(part, at, name)
        else:
            answers = _items(part, at, name, ks, notes)
        found.append(answers)
    return found, errors, notes


def _scaled(table: pl.DataFrame, scales: pl.DataFrame, columns: Mapping[str, str]) -> pl.DataFrame:
    """The table with the scale of each subject, from another table."""
    own = {k: v for k, v in columns.items() if k in table.columns or v in table.columns}
    at, there = _columns(table, own), _columns(scales, {})
    for need, columns_, what in (("subject", at, table), *((n, there, scales) for n in WHO)):
        if need not in columns_:
            raise InputError(f"metrics: scales: wanted a column {need!r}; there are {_there(what)}")
    if "scale" in at:
        raise InputError(f"metrics: scales: the table has its own, {one_line(at['scale'])!r}")
    scales = scales.with_row_index("_row", offset=1)
    names, values = _texts(scales, there["subject"]), _numbers(scales, there["scale"])
    of = dict(zip(names.tolist(), values.tolist(), strict=True))
    if len(of) < len(names):
        raise InputError("metrics: scales: wanted one row for each subject")
    who = _texts(table.with_row_index("_row", offset=1), at["subject"]).tolist()
    lost = next((w for w in who if w not in of), None)
    if lost is not None:
        raise InputError(f"metrics: scales: no scale of {one_line(lost, 60)!r}")
    return table.with_columns(pl.Series("scale", [of[w] for w in who], dtype=pl.Float64))


def _answered(
    table: pl.DataFrame, score: str, measures: Any, notes: list[str]
) -> tuple[pl.DataFrame, Any]:
    """Trials without those that failed, which are said."""
    failed = table[score].is_null() & table["error"].is_not_null()
    if not failed.any():
        return table, measures
    notes.append(f"{failed.sum()} of {table.height} trials failed and are left out")
    if failed.all():
        raise InputError("metrics: every trial failed")
    return table.filter(~failed), measures[~failed.to_numpy()]


def _columns(table: pl.DataFrame, given: Mapping[str, str]) -> dict[str, str]:
    for key, name in given.items():
        if key not in COLUMNS:
            raise InputError(
                f"metrics: no column {one_line(key)!r}: there are {', '.join(COLUMNS)}"
            )
        if name not in table.columns:
            raise InputError(f"metrics: no column {one_line(name)!r}; there are {_there(table)}")
    lower = {c.lower(): c for c in reversed(table.columns)}
    found = dict(given)
    for key, names in COLUMNS.items():
        here = next((lower[n] for n in names if n in lower), None)
        if key not in found and here is not None and here not in found.values():
            found[key] = here
    return found


def _there(table: pl.DataFrame) -> str:
    return one_line(", ".join(table.columns[:12]), 160)


def _subjects(table: pl.DataFrame, at: Mapping[str, str]) -> tuple[Any, Floats, Any]:
    """Names and scales, the smallest first, and of each row which subject."""
    who, x = _texts(table, at["subject"]), table["_x"].to_numpy()
    names, first, of = np.unique(who, return_index=True, return_inverse=True)
    differ = np.flatnonzero(x != x[first][of])
    if differ.size:
        name = one_line(str(who[differ[0]]), 60)
        raise _wrong(table, differ[0], f"{name!r} has another scale than before")
    order = np.argsort(x[first], kind="stable")
    return names[order], x[first][order], np.argsort(order)[of]


def _finished(
    table: pl.DataFrame, at: Mapping[str, str], name: str
) -> tuple[Answers, dict[str, Floats]]:
    names, x, of = _subjects(table, at)
    kinds, value = _texts(table, at["rung"]), _numbers(table, at["value"])
    se = _numbers(table, at["se"]) if "se" in at else np.full(table.height, np.nan)
    if (below := np.flatnonzero(se < 0)).size:
        raise _wrong(table, below[0], f"wanted a standard error of 0 or more, got {se[below[0]]:g}")
    values, errors = {}, {}
    for kind in dict.fromkeys(kinds.tolist()):
        r, rows = rung(kind), np.flatnonzero(kinds == kind)
        if len(rows) != len(names) or len(set(of[rows])) != len(names):
            raise InputError(
                f"metrics: {one_line(kind)!r} of {one_line(name)!r}: wanted one value for each of "
                f"{len(names)} subjects, got {len(rows)} for {len(set(of[rows]))}"
            )
        low, high = max(r.low, -LOWEST), min(r.high, LOWEST)
        wrong = rows[(value[rows] < low) | (value[rows] > high)]
        if wrong.size:
            got = f"{kind} is from {low:g} to {high:g}, got {value[wrong[0]]:g}"
            raise _wrong(table, wrong[0], got)
        y, e = np.empty(len(names)), np.empty(len(names))
        y[of[rows]], e[of[rows]] = value[rows], se[rows]
        values[kind], errors[kind] = y[:, None], e
    answers = Answers(name, names, x, np.zeros(1, int), values, dict.fromkeys(values, np.nan))
    return answers, errors


def _items(
    table: pl.DataFrame, at: Mapping[str, str], name: str, ks: tuple[int, ...], notes: list[str]
) -> Answers:
    if "item" not in at:
        wanted = "wanted a column 'item', or 'rung' and 'value'"
        raise InputError(f"metrics: {wanted}; there are {_there(table)}")
    names, x, of = _subjects(table, at)
    items, which = np.unique(_texts(table, at["item"]), return_inverse=True)
    choices = _has(table, at, "choice") and "logprob" in at
    if choices and "correct" not in at:
        raise InputError("metrics: choices need a column 'correct' that says which one is right")
    if choices:
        logp, keep = _choices(table, at, of, which, (len(names), len(items)))
        values = of_choices(logp[:, keep], ks)
        many = np.isfinite(logp[0, keep]).sum(axis=-1).astype(float)
        chance, kept = chances(values, many), logp[:, keep]
    else:
        values, keep = _plain(table, at, of, which, (len(names), len(items)), ks)
        chance, kept = chances(values, None), None
    if not keep.all():
        notes.append(
            f"{one_line(name, 60)}: {np.sum(~keep)} of {len(items)} items were not answered by "
            "every subject and are left out"
        )
    groups = _texts(table, at["item"])
    if "cluster" in at:  # an item without one stands for itself
        own = table[at["cluster"]].cast(pl.String)
        groups = np.where(
            own.is_null().to_numpy(), groups, own.fill_null("").to_numpy().astype(str)
        )
    cluster = np.empty(len(items), dtype=groups.dtype)
    cluster[which] = groups
    return Answers(
        name, names, x, np.unique(cluster[keep], return_inverse=True)[1], values, chance, kept
    )


def _choices(
    table: pl.DataFrame, at: Mapping[str, str], of: Any, which: Any, shape: tuple[int, int]
) -> tuple[Floats, Any]:
    """Log-probabilities of shape (S, n, K), the right choice first, and which items are whole."""
    logp, right = _logs(table, at["logprob"]), _marks(table, at["correct"])
    names = _texts(table, at["choice"])
    key = np.lexsort((names, ~right, which, of))
    of, which, right, logp, names = (a[key] for a in (of, which, right, logp, names))
    cell = of * shape[1] + which
    start = np.r_[True, cell[1:] != cell[:-1]]
    same = ~start & np.r_[False, names[1:] == names[:-1]] & np.r_[False, right[1:] == right[:-1]]
    if same.any():
        where = key[np.flatnonzero(same)[0]]
        raise _wrong(table, where, "this choice of the item stands there before")
    place = np.arange(len(cell)) - np.maximum.accumulate(np.where(start, np.arange(len(cell)), 0))
    many = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    good = np.bincount(cell, weights=right, minlength=shape[0] * shape[1]).reshape(shape)
    if ((many > 0) & (good != 1)).any():
        s, i = np.argwhere((many > 0) & (good != 1))[0]
        where = key[np.flatnonzero(cell == s * shape[1] + i)[0]]
        raise _wrong(table, where, f"wanted one right choice of the item, got {good[s, i]:g}")
    if many.max() < 2:
        raise InputError("metrics: every item has one choice: wanted two or more rows an item")
    found = np.full((*shape, int(many.max())), -np.inf)
    found[of, which, place] = logp
    keep = (many == many.max(axis=0)).all(axis=0) & (many.min(axis=0) > 1)
    _enough(keep)
    return found, keep


def _plain(
    table: pl.DataFrame, at: Mapping[str, str], of: Any, which: Any, shape: tuple[int, int],
    ks: tuple[int, ...],
) -> tuple[dict[str, Floats], Any]:  # fmt: skip
    cell, size = of * shape[1] + which, shape[0] * shape[1]
    many = np.bincount(cell, minlength=size).reshape(shape).astype(float)
    keep = (many > 0).all(axis=0)

    def mean(x: Floats) -> Floats:
        total = np.bincount(cell, weights=x, minlength=size).reshape(shape)[:, keep]
        return np.asarray(total / many[:, keep])

    right = None
    scored = _has(table, at, "score")
    if scored or "correct" in at:
        column = at["score" if scored else "correct"]
        score = _numbers(table, column) if scored else _marks(table, column).astype(float)
        if bad := [i for i, v in enumerate(score) if not 0 <= v <= 1]:
            raise _wrong(table, bad[0], f"wanted a score from 0 to 1, got {score[bad[0]]:g}")
        right = mean(score)
    logp = _log_of(table, at)
    if logp is not None:
        _enough(keep)
        return of_probabilities(mean(logp), right, ks), keep
    if right is None:
        wanted = "wanted 'logprob', 'probability' or 'score'"
        raise InputError(f"metrics: {wanted}; there are {_there(table)}")
    _enough(keep)
    if not np.isin(score, (0.0, 1.0)).all():
        return {"accuracy": right}, keep
    return of_trials(np.rint(right * many[:, keep]), many[:, keep], ks), keep


def _has(table: pl.DataFrame, at: Mapping[str, str], key: str) -> bool:
    """Whether a column is there and not empty, as it may be for one measure of several."""
    return key in at and table[at[key]].null_count() < table.height


def _log_of(table: pl.DataFrame, at: Mapping[str, str]) -> Floats | None:
    if _has(table, at, "logprob"):
        return _logs(table, at["logprob"])
    if not _has(table, at, "probability"):
        return None
    p = _numbers(table, at["probability"])
    bad = np.flatnonzero((p < 0) | (p > 1))
    if bad.size:
        raise _wrong(table, bad[0], f"wanted a probability, got {p[bad[0]]:g}")
    return np.log(np.maximum(p, 1e-300))


def _logs(table: pl.DataFrame, column: str) -> Floats:
    logp = _numbers(table, column)
    bad = np.flatnonzero(logp > 1e-6)
    if bad.size:
        raise _wrong(table, bad[0], f"wanted a log-probability, at most 0, got {logp[bad[0]]:g}")
    if (far := np.flatnonzero(logp < -LOWEST)).size:
        said = f"wanted a log-probability of {-LOWEST:g} or more, got {logp[far[0]]:g}"
        raise _wrong(table, far[0], said)
    return np.minimum(logp, 0.0)


def _enough(keep: Any) -> None:
    if keep.sum() < LEAST:
        raise InputError(
            f"metrics: wanted at least {LEAST} items that every subject answered, got {keep.sum()} "
            f"of {keep.size}"
        )


def _wrong(table: pl.DataFrame, at: Any, said: str) -> InputError:
    return InputError(f"metrics: row {table['_row'][int(at)]}: {said}")


def _texts(table: pl.DataFrame, column: str) -> Any:
    values = table[column].cast(pl.String)
    if values.null_count():
        bad = np.flatnonzero(values.is_null().to_numpy())[0]
        raise _wrong(table, bad, f"has no {one_line(column)!r}")
    return np.array(values.to_list(), dtype=str)


def _marks(table: pl.DataFrame, column: str) -> Any:
    """Which rows are marked right: 1/0, true/false, yes/no."""
    words = [w.strip().lower() for w in _texts(table, column)]
    known = dict.fromkeys(("1", "true", "yes", "1.0"), True) | dict.fromkeys(
        ("0", "false", "no", "0.0"), False
    )
    bad = next((i for i, w in enumerate(words) if w not in known), None)
    if bad is not None:
        got = one_line(words[bad], 40)
        raise _wrong(table, bad, f"{one_line(column)!r}: wanted 0 or 1, got {got!r}")
    return np.array([known[w] for w in words], dtype=bool)


def _numbers(table: pl.DataFrame, column: str) -> Floats:
    values = table[column]
    if not values.dtype.is_numeric():
        values = values.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
    found = values.cast(pl.Float64).fill_null(np.nan).to_numpy()
    bad = np.flatnonzero(~np.isfinite(found))
    if bad.size:
        got = one_line(str(table[column][int(bad[0])]), 40)
        raise _wrong(table, bad[0], f"{one_line(column)!r}: wanted a number, got {got!r}")
    return np.asarray(found, dtype=float)
