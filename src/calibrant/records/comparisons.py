"""Who was compared with whom, and who won? The comparisons table: columns, checks, and coding.

Subjects and outcomes are kept as whole numbers with a small table of what they mean, so that ten
million rows are read without copying a column.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant.errors import InputError

COMPARISONS: dict[str, pl.DataType] = {
    "item": pl.String(),
    "left": pl.String(),
    "right": pl.String(),
    "outcome": pl.String(),
    "order": pl.String(),
    "grader": pl.String(),
    "margin": pl.Float64(),
    "time": pl.Datetime("us", "UTC"),
    "metadata": pl.String(),
}
"""Columns of the comparisons table; `outcome` is left, right or tie. `voter` and `weight` may be
there too, and columns of covariates."""

ALIASES: dict[str, tuple[str, ...]] = {
    "left": ("model_a", "model_left", "player_a", "a"),
    "right": ("model_b", "model_right", "player_b", "b"),
    "outcome": ("winner", "vote", "preference", "result"),
    "item": ("prompt", "question_id", "question", "prompt_id", "instance"),
    "voter": ("worker", "judge_hash", "annotator", "rater", "user", "evaluator_id"),
    "grader": ("judge", "evaluator"),
    "weight": ("weights",),
    "time": ("tstamp", "timestamp"),
}
"""Other names by which a column is recognised, first found first."""

OUTCOMES = ("left", "right", "tie")

WORDS: dict[str, int] = {
    "left": 0, "a": 0, "model_a": 0, "model a": 0, "x": 0, "first": 0,
    "right": 1, "b": 1, "model_b": 1, "model b": 1, "y": 1, "second": 1,
    "tie": 2, "draw": 2, "both_bad": 2, "bothbad": 2, "tie (bothbad)": 2, "tie (both bad)": 2,
}  # fmt: skip
"""Words for an outcome, read without regard to case. "Both bad" is a tie: relative, not absolute,
which is why it says nothing of how bad."""

BLOCK = 1 << 18
Codes = NDArray[Any]
Place = NDArray[np.int64]


@dataclass(frozen=True)
class Coded:
    """A column of whole numbers and what they stand for.

    Attributes:
        codes: shape (n,), as stored, of any whole-number type.
        place: what each code means, or None if codes mean themselves; -1 where nothing.
    """

    codes: Codes
    place: Place | None = None

    def take(self, part: slice | Codes) -> Codes:
        """The meaning of some rows."""
        codes = self.codes[part]
        return codes if self.place is None else self.place[codes]


@dataclass(frozen=True, repr=False)
class Comparisons:
    """A checked comparisons table.

    Attributes:
        names: the subjects, sorted; those that occur.
        left, right: of each row, indices into `names`.
        outcome: of each row, 0 left, 1 right, 2 tie.
        columns: the other columns by their names in `COMPARISONS`, and those not known.
        warnings: what looks wrong but was kept, one sentence each.
    """

    names: tuple[str, ...]
    left: Coded
    right: Coded
    outcome: Coded
    columns: pl.DataFrame
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return int(self.left.codes.size)

    def __repr__(self) -> str:
        return f"{len(self):,} comparisons of {len(self.names)} subjects"

    def blocks(
        self, size: int = BLOCK
    ) -> Iterator[tuple[Codes, Codes, Codes, NDArray[np.float64] | None]]:
        """Left, right, outcome and weight of consecutive rows."""
        weight = self.numbers("weight") if "weight" in self.columns.columns else None
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            w = None if weight is None else weight[part]
            yield self.left.take(part), self.right.take(part), self.outcome.take(part), w

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column as floats.

        Raises:
            InputError: if there is none, or a value is missing or no finite number.
        """
        column = self._column(name)
        cast = column.cast(pl.Float64, strict=False)
        wrong = cast.is_null() | ~cast.is_finite()
        if wrong.any():
            row = int(wrong.fill_null(True).arg_max() or 0)
            raise InputError(
                f"{name}: row {row}: wanted a finite number, got {_short(column[row])}"
            )
        return cast.to_numpy()

    def labels(self, name: str) -> tuple[NDArray[np.int64], int]:
        """A column as whole numbers from 0, one for each value, and how many there are.

        Raises:
            InputError: if there is none, or a value is missing.
        """
        column = self._column(name)
        if column.null_count():
            row = int(column.is_null().arg_max() or 0)
            raise InputError(f"{name}: row {row}: a value is missing")
        if column.dtype.is_integer() and len(column):
            low, high = int(column.min()), int(column.max())  # type: ignore[arg-type]
            if high - low < max(1 << 16, 2 * len(column)):
                whole = column.to_numpy().astype(np.int64) - low
                seen = np.zeros(high - low + 1, dtype=bool)
                seen[whole] = True
                return (np.cumsum(seen) - 1)[whole], int(seen.sum())
        values = pl.DataFrame({name: column.unique(maintain_order=True)}).with_row_index("code")
        codes = pl.DataFrame({name: column}).join(
            values, on=name, how="left", maintain_order="left"
        )
        return codes["code"].to_numpy().astype(np.int64), values.height

    def _column(self, name: str) -> pl.Series:
        if name not in self.columns.columns:
            known = ", ".join(self.columns.columns[:12]) or "none"
            raise InputError(f"comparisons: no column {name!r}; there are {known}")
        return self.columns[name]

    def filter(self, rows: Codes) -> Comparisons:
        """These rows only (indices, or a mask), with the same names."""
        taken = np.flatnonzero(rows) if rows.dtype == bool else rows
        return Comparisons(
            self.names,
            Coded(self.left.take(taken)),
            Coded(self.right.take(taken)),
            Coded(self.outcome.take(taken)),
            self.columns[taken.astype(np.uint32)],
            self.warnings,
        )

    def frame(self) -> pl.DataFrame:
        """The comparisons table of the design: names and outcomes as text."""
        every = slice(None)
        subjects = pl.Series(self.names, dtype=pl.String)
        data = {
            "left": subjects[self.left.take(every)],
            "right": subjects[self.right.take(every)],
            "outcome": pl.Series(OUTCOMES)[self.outcome.take(every)],
        }
        size = len(self)
        for name, dtype in COMPARISONS.items():
            if name not in data:
                there = name in self.columns.columns
                column = self.columns[name] if there else pl.repeat(None, size, eager=True)
                data[name] = column.cast(dtype, strict=False)
        rest = [c for c in self.columns.columns if c not in COMPARISONS]
        return pl.DataFrame({c: data[c] for c in COMPARISONS} | {c: self.columns[c] for c in rest})


def check_comparisons(table: pl.DataFrame, *, columns: dict[str, str] | None = None) -> Comparisons:
    """Check and code a table of comparisons.

    Args:
        table: with columns left, right and outcome, or names in `ALIASES`; subjects as text,
            categories or whole numbers; outcomes as words in `WORDS`, as a subject's name, or as
            whole numbers 0 left, 1 right, 2 tie.
        columns: own names of columns, such as {"item": "prompt"}.

    Raises:
        InputError: naming the column, or the first row and value, that is wrong: a missing
            value, an unknown outcome, no rows. Subjects against themselves and bad weights are
            found when the rows are counted.
    """
    table = table.rename(_renamed(table.columns, columns or {}))
    for name in ("left", "right", "outcome"):
        if name not in table.columns:
            also = ", ".join(ALIASES[name])
            raise InputError(
                f"comparisons: no column {name!r} (or {also}); there are "
                f"{', '.join(table.columns[:12]) or 'none'}"
            )
        if table[name].null_count():
            row = int(table[name].is_null().arg_max() or 0)
            raise InputError(f"{name}: row {row}: a value is missing")
    if table.is_empty():
        raise InputError("comparisons: wanted at least one, got none")
    names, left, right = _subjects(table["left"], table["right"])
    outcome = _outcomes(table["outcome"], names, left, right)
    rest = table.drop("left", "right", "outcome")
    return Comparisons(names, left, right, outcome, rest, _near_names(names))


def _renamed(there: list[str], columns: dict[str, str]) -> dict[str, str]:
    known = {*ALIASES, *COMPARISONS}
    for name, own in columns.items():
        if name not in known:
            raise InputError(f"column: wanted one of {', '.join(sorted(known))}, got {name!r}")
        if own not in there:
            raise InputError(f"comparisons: no column {own!r}; there are {', '.join(there[:12])}")
    renamed = {own: name for name, own in columns.items()}
    for name, others in ALIASES.items():
        taken = name in renamed.values()
        if taken and name in there and name not in renamed:
            renamed[name] = f"{name} (not used)"
        if taken or name in there:
            continue
        own_name = next((o for o in others if o in there and o not in renamed), None)
        if own_name is not None:
            renamed[own_name] = name
    return renamed


def _subjects(left: pl.Series, right: pl.Series) -> tuple[tuple[str, ...], Coded, Coded]:
    """Names that occur and both columns coded by them."""
    coded = [_codes(c) for c in (left, right)]
    seen = [_seen(c) for c, _ in coded]
    texts = [_meaning(t, s) for (_, t), s in zip(coded, seen, strict=True)]
    names = sorted({*texts[0], *texts[1]}, key=_natural)
    index = {n: i for i, n in enumerate(names)}
    out = []
    for (codes, _), present, text in zip(coded, seen, texts, strict=True):
        place = np.full(int(present[-1]) + 1, -1, dtype=np.int64)
        place[present] = [index[t] for t in text]
        same = place.size == len(names) and bool((place == np.arange(place.size)).all())
        out.append(Coded(codes, None if same else place))
    return tuple(names), out[0], out[1]


def _natural(name: str) -> tuple[int, int, str]:
    """Whole numbers by size, then text."""
    plain = name.isascii() and name.isdigit() and len(name) < 16
    return (0, int(name), name) if plain else (1, 0, name)


def _codes(column: pl.Series) -> tuple[Codes, pl.Series | None]:
    """Whole numbers from 0, without copying where possible, and what they mean (None: the number).

    Text is coded by its distinct values; that is the one pass that costs."""
    kind = column.dtype
    if isinstance(kind, pl.Enum):
        return column.to_physical().to_numpy(), kind.categories
    if isinstance(kind, pl.Categorical):
        some = column.unique()
        at = some.to_physical().to_numpy()
        text = np.full(int(at.max()) + 1, "", dtype=object)
        text[at] = some.cast(pl.String).to_list()
        return column.to_physical().to_numpy(), pl.Series(text, dtype=pl.String)
    if kind.is_integer():
        codes = column.to_numpy()
        if _largest(codes) < 1 << 24:
            return codes, None
        column = column.cast(pl.String)
    elif kind != pl.String:
        raise InputError(f"{column.name}: wanted names, categories or whole numbers, got {kind}")
    values = column.unique().sort()
    return column.cast(pl.Enum(values)).to_physical().to_numpy(), values


def _largest(codes: Codes) -> int:
    """The largest code; very large if one is below 0, which unsigned it is."""
    return int(codes.view(f"u{codes.dtype.itemsize}").max())


def _seen(codes: Codes) -> NDArray[np.int64]:
    """The codes that occur, ascending."""
    seen = np.zeros(int(codes.max()) + 1, dtype=bool)
    for start in range(0, codes.size, BLOCK):
        seen[codes[start : start + BLOCK]] = True
        # With few subjects the first rows have them all.
        if seen.all():
            break
    return np.flatnonzero(seen)


def _meaning(values: pl.Series | None, codes: NDArray[np.int64]) -> list[str]:
    if values is None:
        return [str(c) for c in codes.tolist()]
    return [str(v) for v in values[codes].to_list()]


def _outcomes(column: pl.Series, names: tuple[str, ...], left: Coded, right: Coded) -> Coded:
    kind = column.dtype
    if kind.is_integer():
        codes = column.to_numpy()
        if _largest(codes) > 2:
            row = int(((codes < 0) | (codes > 2)).argmax())
            raise InputError(
                f"outcome: row {row}: wanted 0 (left), 1 (right) or 2 (tie), got {column[row]}"
            )
        return Coded(codes)
    if kind not in (pl.String, pl.Categorical, pl.Enum):
        raise InputError(f"outcome: wanted words, a subject's name or whole numbers, got {kind}")
    codes, values = _codes(column)
    present = _seen(codes)
    text = _meaning(values, present)
    index = {n: i for i, n in enumerate(names)}
    place = np.full(int(present[-1]) + 1, -1, dtype=np.int64)
    place[present] = [WORDS.get(t.strip().casefold(), -1) for t in text]
    subject = np.full(place.size, -1, dtype=np.int64)
    subject[present] = [index.get(t, -1) for t in text]
    both = [
        t for t, p, k in zip(text, place[present], subject[present], strict=True) if p >= 0 <= k
    ]
    for word in both:
        if word in OUTCOMES:
            raise InputError(f"outcome: {word!r} is an outcome and the name of a subject")
    # A word such as "a" means the subject of that name, where there is one.
    place[subject >= 0] = -1
    unknown = (place < 0) & (subject < 0)
    unknown[np.setdiff1d(np.arange(place.size), present)] = False
    if unknown.any():
        row = int(np.argmax(unknown[codes]))
        raise InputError(
            f"outcome: row {row}: wanted left, right, tie or one of the two subjects, got "
            f"{_short(column[row])}"
        )
    if (subject >= 0).any():
        return _by_name(column, codes, place, subject, left, right)
    return Coded(codes, place)


def _by_name(
    column: pl.Series, codes: Codes, place: Place, subject: Place, left: Coded, right: Coded
) -> Coded:
    """Outcomes where the winner is given by name."""
    out = np.empty(codes.size, dtype=np.int8)
    for start in range(0, codes.size, BLOCK):
        part = slice(start, start + BLOCK)
        said, winner = place[codes[part]], subject[codes[part]]
        by_name = np.where(
            winner == left.take(part), 0, np.where(winner == right.take(part), 1, -1)
        )
        outcome = np.where(said >= 0, said, by_name)
        if (outcome < 0).any():
            row = start + int(np.argmax(outcome < 0))
            raise InputError(
                f"outcome: row {row}: {_short(column[row])} won but is neither left nor right"
            )
        out[part] = outcome
    return Coded(out)


def _near_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """One warning for each set of names that differ only in spaces or case."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault("".join(name.split()).casefold(), []).append(name)
    return tuple(
        f"{', '.join(map(repr, group))} differ only in spaces or case and are kept apart"
        for group in alike.values()
        if len(group) > 1
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
