"""Which trials does a table hold? CSV, JSON lines, Parquet and frames, by their columns."""

from __future__ import annotations

import io
import math
import re
from pathlib import PurePath
from typing import Any

import msgspec
import polars as pl

from calibrant._text import reason, storable
from calibrant.errors import InputError
from calibrant.records.merge import KEY
from calibrant.records.readers.batch import Batch, Options, moment, number
from calibrant.records.readers.columns import Columns, understand
from calibrant.records.readers.files import File
from calibrant.records.readers.jsondata import decode, encode, utf8
from calibrant.records.trials import SCHEMA, score_number

_TWICE = re.compile(r"_duplicated_\d+$")
"""What Polars adds to the name of a column that occurs again."""


def read_csv(file: File, options: Options) -> Batch:
    """Read a CSV table, separated by commas, semicolons or tabs. Every cell is text: a formula
    stays what was typed.

    Raises:
        InputError: naming the file, and the row and column where there is one.
    """
    data = utf8(file.read(options.max_member), file.path)
    first = data.split(b"\n", 1)[0]
    comma = max((b",", b";", b"\t"), key=first.count)
    try:
        table = pl.read_csv(io.BytesIO(data), infer_schema_length=0, separator=comma.decode())
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError) as e:
        raise InputError(f"{file.path}: not a CSV table ({reason(e)})") from e
    twice = next((n for n in table.columns if _TWICE.sub("", n) in set(table.columns) - {n}), None)
    if twice is not None:
        raise InputError(f"{file.path}: two columns are called {_TWICE.sub('', twice)[:80]!r}")
    return read_frame(table, options, file.path, offset=2)


def read_lines(file: File, options: Options) -> Batch:
    """Read JSON lines, one object each, or one JSON list of objects.

    Raises:
        InputError: naming the file and the line.
    """
    rows = json_rows(file, options)
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = pl.DataFrame(
        [pl.Series(n, [_as_text(row.get(n)) for row in rows], pl.String()) for n in names]
    )
    return read_frame(table, options, file.path, offset=1)


def json_rows(file: File, options: Options) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines, or of a JSON list.

    Raises:
        InputError: naming the file and the line.
    """
    data = utf8(file.read(options.max_member), file.path)
    if data.lstrip()[:1] == b"[":
        return decode(data, list[dict[str, Any]], file.path)
    return [
        decode(line, dict[str, Any], f"{file.path}: line {i}")
        for i, line in enumerate(data.split(b"\n"), 1)
        if line.strip()
    ]


def read_parquet_table(file: File, options: Options) -> Batch:
    """Read a Parquet table.

    Raises:
        InputError: naming the file, and the row and column where there is one.
    """
    try:
        if file.remote:
            table = pl.read_parquet(io.BytesIO(file.read(options.max_member)))
        else:
            table = pl.read_parquet(file.path)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as e:
        raise InputError(f"{file.path}: not a Parquet table ({reason(e)})") from e
    return read_frame(table, options, file.path, offset=0)


def read_frame(table: pl.DataFrame, options: Options, where: str, offset: int) -> Batch:
    """Read a frame.

    Args:
        where: the file, or what else the table is called in messages.
        offset: the number that a person would give to its first row.

    Raises:
        InputError: naming the row and column.
    """
    plain = not options.columns and not options.constants
    if plain and all(table.schema.get(c) == t for c, t in SCHEMA.items()):
        trials = table.select(list(SCHEMA))
        _refuse_twice(trials, where, offset)
        return Batch(table=trials, samples=trials.height)
    table = _without_blank_end(table)
    if table.is_empty():
        raise InputError(f"{where}: wanted rows, got none")
    columns = understand(table.columns, options, where, PurePath(where).stem or "table")
    series = [_column(table, columns, name, where, offset) for name in SCHEMA]
    trials = pl.DataFrame(series)
    given = table[columns.source["score"]] if "score" in columns.source else pl.Series([""])
    said = ("score is no number: " + given.cast(pl.String(), strict=False)).fill_null("no score")
    unsaid = pl.col("score").is_null() & pl.col("error").is_null()
    trials = trials.with_columns(
        error=pl.when(unsaid).then(said.str.slice(0, 200)).otherwise(pl.col("error"))
    )
    for name in ("subject", "instrument", "item", "grader"):
        empty = trials[name].is_null().arg_true()
        if empty.len():
            raise InputError(f"{where}: row {empty[0] + offset}: {name}: wanted a name, got none")
    _refuse_twice(trials, where, offset)
    batch = Batch(table=trials, samples=trials.height)
    if columns.said():
        batch.notes.append(columns.said())
    if columns.others and "metadata" not in columns.source:
        batch.notes.append(f"kept in metadata: {', '.join(columns.others)[:200]}")
    return batch


def _without_blank_end(table: pl.DataFrame) -> pl.DataFrame:
    """The table without the empty lines that many files end with."""
    filled = table.select(pl.any_horizontal(pl.all().is_not_null()).alias("filled"))["filled"]
    rows = filled.arg_true() if table.width else filled
    return table.head(int(rows[-1]) + 1 if rows.len() else 0)


def _refuse_twice(trials: pl.DataFrame, where: str, offset: int) -> None:
    twice = trials.select(pl.struct(KEY).is_duplicated().arg_true()).to_series()
    if twice.len():
        row = trials.row(int(twice[0]), named=True)
        raise InputError(
            f"{where}: row {twice[0] + offset}: item {row['item'][:80]!r} occurs again with the"
            f" same subject, epoch and grader: say which column numbers them (--map epoch=COLUMN)"
        )


def _column(table: pl.DataFrame, columns: Columns, name: str, where: str, offset: int) -> pl.Series:
    """One column of the trials, of its type."""
    wanted, height = SCHEMA[name], table.height
    if name in columns.source:
        given = table[columns.source[name]].alias(name)
    elif name in columns.constant:
        given = pl.repeat(columns.constant[name], height, dtype=pl.String(), eager=True).alias(name)
    elif name == "metadata" and columns.others:
        return _others(table, columns.others)
    else:
        return pl.repeat(1 if name == "epoch" else None, height, dtype=wanted, eager=True).alias(
            name
        )
    if name == "time":
        return _times(given, where, offset)
    if given.dtype.is_nested() or given.dtype == pl.Object():
        raise InputError(f"{where}: {given.dtype} in the column for {name}; wanted {wanted}")
    text = given.cast(pl.String(), strict=False).replace("", None)
    if name == "score":
        return _scores(text, where, offset)
    if wanted == pl.String():
        return text
    cast = text.str.strip_chars().cast(pl.Float64(), strict=False)
    whole = wanted == pl.Int64()
    ok = cast.is_finite() & (cast.floor() == cast if whole else True) & (cast.abs() < 2**53)
    bad = (text.is_not_null() & ~ok.fill_null(False)).arg_true()
    if bad.len():
        kind = "a whole number" if whole else "a number"
        raise InputError(
            f"{where}: row {bad[0] + offset}: {name}: wanted {kind}, got {text[int(bad[0])][:80]!r}"
        )
    cast = cast.cast(wanted)
    return cast.fill_null(1) if name == "epoch" else cast


def _scores(text: pl.Series, where: str, offset: int) -> pl.Series:
    unique = text.drop_nulls().unique(maintain_order=True)
    numbers = {t: score_number(t) for t in unique}
    bad = next((t for t, n in numbers.items() if n is None and not _unscored(t)), None)
    if bad is not None:
        row = (text == bad).arg_true()[0] + offset
        raise InputError(f"{where}: row {row}: score: wanted a number, got {bad[:80]!r}")
    return text.replace_strict(
        list(numbers), list(numbers.values()), default=None, return_dtype=pl.Float64()
    )


def _unscored(text: str) -> bool:
    try:
        return not math.isfinite(float(text))
    except ValueError:
        return text.strip().lower() in ("na", "n/a", "null", "none", "missing")


def _times(given: pl.Series, where: str, offset: int) -> pl.Series:
    """Times as they are, as ISO 8601 text, or as seconds since 1970."""
    wanted = SCHEMA["time"]
    if given.dtype == wanted:
        return given
    if given.dtype == pl.Date():
        given = given.cast(pl.Datetime("us"))
    if isinstance(given.dtype, pl.Datetime):
        zone = given.dtype.time_zone
        aware = given.dt.convert_time_zone("UTC") if zone else given.dt.replace_time_zone("UTC")
        return aware.cast(wanted)
    values = given.replace("", None) if given.dtype == pl.String() else given
    found = [moment(v if number(_float(v)) is None else _float(v)) for v in values]
    for i, (value, time) in enumerate(zip(values, found, strict=True)):
        if value is not None and time is None:
            raise InputError(
                f"{where}: row {i + offset}: time: wanted ISO 8601 or seconds since 1970, got"
                f" {str(value)[:80]!r}"
            )
    return pl.Series("time", found, wanted)


def _float(value: Any) -> Any:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _others(table: pl.DataFrame, others: tuple[str, ...]) -> pl.Series:
    flat = [c for c in others if not table.schema[c].is_nested() and table.schema[c] != pl.Object()]
    text = [
        encode({k: _plain(v) for k, v in row.items() if v not in (None, "")})
        for row in table.select(flat).iter_rows(named=True)
    ]
    return pl.Series("metadata", [None if t == "{}" else t for t in text], pl.String())


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | bool | int | float) else str(value)


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        return str(value) if isinstance(value, int | float) else storable(encode(value))
    except (msgspec.MsgspecError, ValueError) as e:
        raise InputError(f"a number that is too long: {e}") from e
