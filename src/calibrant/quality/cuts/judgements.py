"""What did raters judge? Tables of raters by items, long or wide, as probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.records.frames import table_of

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]

RATERS = ("rater", "judge", "panelist", "panellist", "expert", "rater_id", "judge_id")
ITEMS = ("item", "item_id", "question_id", "question", "task_id", "id")
JUDGEMENTS = ("judgement", "judgment", "probability", "rating", "p", "estimate", "value", "angoff")
ROUNDS = ("round", "iteration")
"""Names by which columns are recognised, in any case, the first found first."""

UNITS = ("probability", "percent", "yes-no")
_ABSENT = ("", "na", "n/a", "nan", "null", "none", "-", ".")
_WORDS = {"yes": 1.0, "y": 1.0, "true": 1.0, "no": 0.0, "n": 0.0, "false": 0.0}


@dataclass(frozen=True, eq=False)
class Judgements:
    """How likely raters think it that a just acceptable subject answers each item right.

    Attributes:
        raters, items: names, each once.
        values: shape (rounds, raters, items), probabilities; NaN where a rater said nothing.
        rounds: names of the rounds, in order.
        unit: how they were told: one of `UNITS`.
        notes: what a reader should know, one sentence each.
    """

    raters: tuple[str, ...]
    items: tuple[str, ...]
    values: Floats
    rounds: tuple[str, ...]
    unit: str
    notes: tuple[str, ...] = ()


def read_judgements(
    source: Any,
    *,
    rater: str | None = None,
    item: str | None = None,
    judgement: str | None = None,
    round: str | None = None,
    rows: str | None = None,
    unit: str | None = None,
) -> Judgements:
    """Read raters' judgements.

    Args:
        source: a path or table. Long: columns for rater, item and judgement, and perhaps round.
            Wide: one row a rater and one column an item, or the other way round; the name of the
            first column says which, or `rows`. Empty cells are missing. Or `Judgements`, returned
            as they are; or an array of shape (raters, items).
        rater, item, judgement, round: the columns of a long table; by default those of `RATERS`,
            `ITEMS`, `JUDGEMENTS` and `ROUNDS`.
        rows: of a wide table: "raters" or "items".
        unit: "probability", "percent" or "yes-no"; by default found, and refused where it is not
            clear.

    Raises:
        InputError: naming the column, row or cell that is wrong.
    """
    if isinstance(source, Judgements):
        return source
    if rows not in (None, "raters", "items"):
        raise InputError(f"rows: wanted raters or items, got {rows!r}")
    if isinstance(source, np.ndarray):
        if source.ndim != 2:
            raise InputError(f"judgements: wanted raters by items, got shape {source.shape}")
        names = [tuple(f"{what} {i + 1}" for i in range(n))
                 for what, n in zip(("rater", "item"), source.shape, strict=True)]  # fmt: skip
        texts = source.astype(np.float64)[None]
        return _finished(names[0], names[1], texts, np.zeros(texts.shape, bool), ("1",), unit)
    table = table_of(source, "judgements")
    if table.is_empty():
        raise InputError("judgements: wanted at least one row, got none")
    for given in (rater, item, judgement, round):
        if given is not None and given not in table.columns:
            raise InputError(
                f"judgements: no column {given!r}; "
                f"there are {one_line(', '.join(table.columns[:8]), 120)}"
            )
    who, what = rater or column_named(table, RATERS), item or column_named(table, ITEMS)
    told = judgement or column_named(table, JUDGEMENTS)
    if rows is None and who and what and told:
        return _of_long(table, who, what, told, round or column_named(table, ROUNDS), unit)
    return _of_wide(table, rows, who, what, unit)


def column_named(table: pl.DataFrame, aliases: tuple[str, ...]) -> str | None:
    """The column of one of these names, whatever its case; None if there is none."""
    lower = {c.strip().lower(): c for c in reversed(table.columns)}
    return next((lower[a] for a in aliases if a in lower), None)


def _of_long(
    table: pl.DataFrame, who: str, what: str, told: str, turn: str | None, unit: str | None
) -> Judgements:
    raters, items = (_names(table, c) for c in (who, what))
    rounds = _names(table, turn) if turn else ["1"] * table.height
    values, signs = _numbers(table[told], told)
    order = [list(dict.fromkeys(names)) for names in (raters, items)]
    turns = sorted(set(rounds), key=_natural)
    shape = (len(turns), len(order[0]), len(order[1]))
    at = [{n: i for i, n in enumerate(names)} for names in (turns, *order)]
    grid, marked = np.full(shape, np.nan), np.zeros(shape, bool)
    seen: set[tuple[int, int, int]] = set()
    for row, key in enumerate(zip(rounds, raters, items, strict=True)):
        cell = (at[0][key[0]], at[1][key[1]], at[2][key[2]])
        if cell in seen:
            raise InputError(
                f"judgements row {row + 1}: rater {one_line(key[1], 60)!r} judged item "
                f"{one_line(key[2], 60)!r} twice"
                + (f" in round {one_line(key[0], 20)!r}" if turn else "")
            )
        seen.add(cell)
        grid[cell], marked[cell] = values[row], signs[row]
    return _finished(tuple(order[0]), tuple(order[1]), grid, marked, tuple(turns), unit)


def _natural(name: str) -> tuple[float, str]:
    try:
        return float(name), name
    except ValueError:
        return float("inf"), name


def _of_wide(
    table: pl.DataFrame, rows: str | None, who: str | None, what: str | None, unit: str | None
) -> Judgements:
    first = table.columns[0]
    if rows is None:
        if first == who:
            rows = "raters"
        elif first == what:
            rows = "items"
        else:
            raise InputError(
                "judgements: wanted columns rater, item and judgement, or a first column named "
                f"rater or item, got {one_line(', '.join(table.columns[:8]), 120)}"
            )
    rest = table.columns[1:]
    if not rest:
        raise InputError(f"judgements: wanted columns beside {first!r}, got none")
    names = _names(table, first)
    twice = next((i for i, n in enumerate(names) if n in names[:i]), None)
    if twice is not None:
        raise InputError(f"judgements row {twice + 1}: {one_line(names[twice], 60)!r} occurs twice")
    read = [_numbers(table[c], c) for c in rest]
    grid = np.column_stack([v for v, _ in read])
    marked = np.column_stack([s for _, s in read])
    if rows == "items":
        return _finished(tuple(rest), tuple(names), grid.T[None], marked.T[None], ("1",), unit)
    return _finished(tuple(names), tuple(rest), grid[None], marked[None], ("1",), unit)


def _names(table: pl.DataFrame, column: str) -> list[str]:
    texts = table[column].cast(pl.String)
    if texts.null_count():
        row = int(texts.is_null().arg_max() or 0) + 1
        raise InputError(f"judgements row {row}: column {one_line(column, 60)!r} is empty")
    names: list[str] = texts.str.strip_chars().to_list()
    return names


def _numbers(column: pl.Series, name: str) -> tuple[Floats, Truths]:
    """Numbers, NaN where there is none, and whether each was told with a per cent sign."""
    if column.dtype == pl.Boolean or column.dtype.is_numeric():
        values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        return values, np.zeros(values.size, bool)
    values, signs = np.full(column.len(), np.nan), np.zeros(column.len(), bool)
    for row, text in enumerate(column.cast(pl.String).to_list()):
        plain = "" if text is None else text.strip().lower()
        if plain in _ABSENT:
            continue
        if plain in _WORDS:
            values[row] = _WORDS[plain]
            continue
        signs[row] = plain.endswith("%")
        try:
            values[row] = float(plain.removesuffix("%"))
        except ValueError as e:
            raise InputError(
                f"judgements row {row + 1}, column {one_line(name, 60)!r}: "
                f"wanted a number, got {one_line(text, 60)!r}"
            ) from e
    return values, signs


def _finished(
    raters: tuple[str, ...],
    items: tuple[str, ...],
    values: Floats,
    signs: Truths,
    rounds: tuple[str, ...],
    unit: str | None,
) -> Judgements:
    if unit is not None and unit not in UNITS:
        raise InputError(f"unit: wanted one of {', '.join(UNITS)}, got {unit!r}")
    there = ~np.isnan(values)
    if not there.any():
        raise InputError("judgements: wanted at least one, got none")
    unit = unit or _unit(values, there, signs, raters, items)
    top = 100.0 if unit == "percent" else 1.0
    allowed = (values >= 0) & (values <= top)
    if unit == "yes-no":
        allowed = (values == 0) | (values == 1)
    _refuse(there & ~allowed, values, raters, items, f"wanted {_range(unit)}")
    values = np.where(there, values / top, np.nan)
    heard, judged = np.asarray(there.any(axis=(0, 2))), np.asarray(there.any(axis=(0, 1)))
    notes = []
    for what, names, kept in (("rater", raters, heard), ("item", items, judged)):
        if not kept.all():
            gone = [one_line(n, 60) for n, k in zip(names, kept, strict=True) if not k]
            notes.append(
                f"{len(gone)} {what}{'s' * (len(gone) != 1)} without a judgement left out: "
                + ", ".join(gone[:5]) + ("…" if len(gone) > 5 else "")
            )  # fmt: skip
    return Judgements(
        tuple(np.array(raters, object)[heard]), tuple(np.array(items, object)[judged]),
        values[:, heard][:, :, judged], rounds, unit, tuple(notes),
    )  # fmt: skip


def _range(unit: str) -> str:
    return {"percent": "per cent from 0 to 100", "yes-no": "0 or 1 (no or yes)"}.get(
        unit, "a probability from 0 to 1"
    )


def _unit(
    values: Floats,
    there: Truths,
    signs: Truths,
    raters: tuple[str, ...],
    items: tuple[str, ...],
) -> str:
    """What the numbers are.

    Raises:
        InputError: if that is not clear.
    """
    seen = values[there]
    if signs.any():
        _refuse(
            there & ~signs & (values != 0), values, raters, items,
            "others are told with a % sign; give unit",
        )  # fmt: skip
        return "percent"
    if np.isin(seen, (0.0, 1.0)).all():
        return "yes-no"
    if seen.max() <= 1:
        return "probability"
    # Among 40 and 75, what would 0.6 be, or 1? A probability among per cents, or hardly any?
    _refuse(
        there & (values > 0) & (values <= 1), values, raters, items,
        "as others are above 1, it may be a probability or per cent; give unit",
    )  # fmt: skip
    return "percent"


def _refuse(
    wrong: Truths,
    values: Floats,
    raters: tuple[str, ...],
    items: tuple[str, ...],
    why: str,
) -> None:
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise InputError(
            f"judgement of rater {one_line(raters[at[1]], 60)!r} on item "
            f"{one_line(items[at[2]], 60)!r}: {why}, got {values[at]:g}"
        )
