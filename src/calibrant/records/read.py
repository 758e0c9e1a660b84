"""What trials does this path hold? Readers: trials tables, CSV, and Inspect logs or folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from calibrant._text import storable
from calibrant.errors import InputError
from calibrant.records.identity import content_hash
from calibrant.records.trials import SCHEMA, read_parquet, score_number, trials_frame, validate

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample

LOG_ENDINGS = (".eval", ".json")


def read_trials(path: str | Path) -> pl.DataFrame:
    """Read trials from a Parquet or CSV table of trials, an Inspect log, or a folder of logs.

    A run folder of calibrant is read by its trials.parquet.

    Raises:
        InputError: if there is nothing to read, or what is there is not what it seems.
    """
    path = Path(path)
    if path.is_dir():
        table = path / "trials.parquet"
        return read_parquet(table) if table.is_file() else _read_logs(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file or folder")
    match path.suffix.lower():
        case ".parquet":
            return read_parquet(path)
        case ".csv":
            return _read_csv(path)
        case ".eval" | ".json":
            return trials_frame(_log_rows(_read_log(path)))
    raise InputError(
        f"{path}: wanted trials as .parquet or .csv, an Inspect log (.eval, .json) or a folder"
    )


def _read_csv(path: Path) -> pl.DataFrame:
    try:
        raw = pl.read_csv(path, infer_schema_length=0)
    except (OSError, pl.exceptions.PolarsError) as e:
        raise InputError(f"{path}: not a CSV table ({str(e).splitlines()[0]})") from e
    unknown = [c for c in raw.columns if c not in SCHEMA]
    if unknown:
        raise InputError(f"{path}: unknown column {unknown[0]!r}")
    columns = []
    for name, dtype in SCHEMA.items():
        if name not in raw.columns:
            default = pl.lit(1) if name == "epoch" else pl.lit(None)
            columns.append(default.cast(dtype).alias(name))
            continue
        text = pl.col(name).replace("", None)
        if name == "time":
            columns.append(text.str.to_datetime(time_zone="UTC", strict=False).alias(name))
            continue
        cast = text.cast(dtype, strict=False)
        bad = raw.select((text.is_not_null() & cast.is_null()).arg_true()).to_series()
        if bad.len():
            found = raw[name][int(bad[0])]
            raise InputError(f"{path}: row {bad[0] + 2}: {name}: wanted {dtype}, got {found!r}")
        columns.append(cast.alias(name))
    try:
        return validate(raw.select(columns))
    except InputError as e:
        raise InputError(f"{path}: {e}") from e


def _read_logs(folder: Path) -> pl.DataFrame:
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in LOG_ENDINGS and p.is_file())
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    for file in files:
        # A folder may hold other JSON; a log that is broken is another matter.
        if file.suffix.lower() == ".json" and not _looks_like_a_log(file):
            continue
        log = _read_log(file)
        # The same evaluation may lie there twice, as .eval and as .json.
        if log.eval.eval_id not in seen:
            seen.add(log.eval.eval_id)
            rows.extend(_log_rows(log))
    if not seen:
        raise InputError(f"{folder}: no trials.parquet and no Inspect logs here")
    return trials_frame(rows)


def _looks_like_a_log(file: Path) -> bool:
    with file.open("rb") as f:
        head = f.read(4096)
    return b'"eval"' in head and b'"version"' in head


def _read_log(file: Path) -> EvalLog:
    from inspect_ai.log import read_eval_log

    try:
        return read_eval_log(str(file))
    except Exception as e:
        # Inspect raises whatever its parsers raise; the file is what is wrong.
        raise InputError(f"{file}: not an Inspect log ({_first_line(e)})") from e


def _log_rows(log: EvalLog) -> Iterator[dict[str, Any]]:
    for sample in log.samples or []:
        yield from _sample_rows(log, sample)


def _sample_rows(log: EvalLog, sample: EvalSample) -> Iterator[dict[str, Any]]:
    metadata = sample.metadata or {}
    usage = list(sample.model_usage.values())
    shown = (
        sample.input
        if isinstance(sample.input, str)
        else [{"role": m.role, "text": m.text} for m in sample.input]
    )
    costs = [u.total_cost for u in usage if u.total_cost is not None]
    base = {
        "run": log.eval.run_id,
        "subject": log.eval.model,
        "instrument": log.eval.task,
        "item": f"{sample.id}:{content_hash([shown, sample.choices, sample.target])[:16]}",
        "cluster": _text(metadata.get("cluster", metadata.get("family"))),
        "variant": _text(metadata.get("variant")),
        "epoch": sample.epoch,
        "answer": sample.output.completion,
        "input_tokens": sum(u.input_tokens + (u.input_tokens_cache_read or 0) for u in usage),
        "output_tokens": sum(u.output_tokens for u in usage),
        "seconds": sample.working_time or sample.total_time,
        "cost": sum(costs) if costs else None,
    }
    failed = storable(sample.error.message) if sample.error else None
    scores = list(_scores(sample)) or [("none", None)]
    for grader, value in scores:
        number = None if failed else score_number(value)
        error = failed
        if number is None and failed is None:
            error = f"score is no number: {value!r}"[:200]
        yield {**base, "grader": grader, "score": number, "error": error}


def _scores(sample: EvalSample) -> Iterator[tuple[str, Any]]:
    for scorer, score in (sample.scores or {}).items():
        if isinstance(score.value, dict):
            yield from ((f"{scorer}.{key}", value) for key, value in score.value.items())
        else:
            yield scorer, score.value


def _text(value: Any) -> str | None:
    return None if value is None else storable(str(value)[:200])


def _first_line(e: BaseException) -> str:
    return (str(e).strip() or type(e).__name__).splitlines()[0][:200]
