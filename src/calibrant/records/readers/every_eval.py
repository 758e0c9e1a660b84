"""Which trials and aggregates do Every Eval Ever records hold? Schemas 0.2 and 0.3."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from calibrant.errors import InputError
from calibrant.records.readers.batch import Batch, Options, label, number, scalars
from calibrant.records.readers.files import File
from calibrant.records.readers.jsondata import decode, encode, utf8

NEWEST = (0, 3)

Count = Annotated[int, Meta(ge=0, le=2**53)]


class Model(Struct):
    """model_info."""

    name: str = ""
    id: str = ""


class Error(Struct):
    """standard_error."""

    value: Any = None


class Uncertainty(Struct):
    """uncertainty of a score."""

    standard_error: Error | None = None
    num_samples: Count | None = None


class Details(Struct):
    """score_details."""

    score: Any = None
    uncertainty: Uncertainty | None = None


class Metric(Struct):
    """metric_config, as far as it is read."""

    metric_id: str | None = None
    metric_name: str | None = None
    metric_unit: str | None = None
    lower_is_better: bool | None = None


class Result(Struct):
    """One entry of evaluation_results."""

    score_details: Details
    evaluation_name: str = ""
    evaluation_result_id: str | None = None
    metric_config: Metric | None = None


class Detailed(Struct):
    """Where the instances lie."""

    file_path: str = ""


class Record(Struct):
    """An aggregate record."""

    schema_version: str
    evaluation_id: str
    model_info: Model
    evaluation_results: list[Result]
    detailed_evaluation_results: Detailed | None = None


class Given(Struct):
    """input of an instance."""

    raw: Any = None
    reference: Any = None
    choices: Any = None


class Output(Struct):
    """output of an instance."""

    raw: Any = None


class Turn(Struct):
    """A message."""

    role: str = ""
    content: str | None = None


class Evaluation(Struct):
    """evaluation of an instance."""

    score: Any = None


class Tokens(Struct):
    """token_usage."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None


class Speed(Struct):
    """performance."""

    latency_ms: Any = None


class Instance(Struct):
    """One line of the instance-level file."""

    schema_version: str
    evaluation_id: str
    model_id: str
    evaluation_name: str
    sample_id: str
    evaluation: Evaluation
    evaluation_result_id: str | None = None
    sample_hash: str | None = None
    input: Given | None = None
    output: Output | None = None
    messages: list[Turn] | None = None
    token_usage: Tokens | None = None
    performance: Speed | None = None
    error: str | None = None
    metadata: dict[str, Any] | None = None


def _check(version: str, where: str) -> None:
    try:
        found = tuple(int(p) for p in version.split(".")[:2])
    except ValueError as e:
        raise InputError(f"{where}: schema_version: wanted a version, got {version[:40]!r}") from e
    if found > NEWEST:
        raise InputError(
            f"{where}: schema_version: wanted at most {NEWEST[0]}.{NEWEST[1]}, got {version[:40]}"
        )


def read_aggregate(file: File, options: Options) -> Batch:
    """Read an aggregate record: aggregates, unless its instances lie beside it.

    Raises:
        InputError: naming the file and the place.
    """
    record = decode(file.read(options.max_member), Record, file.path)
    _check(record.schema_version, file.path)
    batch = Batch()
    if record.detailed_evaluation_results is not None:
        # The path begins at the root of the data set; only its last part is used, beside the file.
        name = record.detailed_evaluation_results.file_path.replace("\\", "/").rsplit("/", 1)[-1]
        if name:
            try:
                file.beside(name).open().close()
            except InputError:
                batch.notes.append(f"its instances ({name[:100]}) are not beside it")
            else:
                return batch
    for result in record.evaluation_results:
        details, metric = result.score_details, result.metric_config or Metric()
        uncertainty = details.uncertainty or Uncertainty()
        error = uncertainty.standard_error
        batch.aggregates.append(
            {
                "run": record.evaluation_id,
                "subject": record.model_info.id or record.model_info.name,
                "instrument": result.evaluation_name,
                "grader": metric.metric_id or metric.metric_name or "score",
                "statistic": "score",
                "value": number(details.score),
                "standard_error": number(error.value) if error else None,
                "n": uncertainty.num_samples,
                "metadata": encode(
                    {"source": "every-eval-ever", "unit": metric.metric_unit,
                     "lower_is_better": metric.lower_is_better}
                ),
            }
        )  # fmt: skip
    return batch


def read_instances(file: File, options: Options) -> Batch:
    """Read an instance-level file; repeats of a sample in one evaluation are its epochs.

    Raises:
        InputError: naming the file and the line.
    """
    batch = Batch()
    epochs: dict[tuple[Any, ...], int] = {}
    data = utf8(file.read(options.max_member), file.path)
    for i, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        where = f"{file.path}: line {i}"
        one = decode(line, Instance, where)
        _check(one.schema_version, where)
        row = _row(one, options)
        key = (row["run"], row["subject"], row["instrument"], row["item"], row["grader"])
        epochs[key] = row["epoch"] = epochs.get(key, 0) + 1
        batch.add(row)
        batch.samples += 1
    return batch


def _row(one: Instance, options: Options) -> dict[str, Any]:
    from calibrant.records.identity import content_hash

    given = one.input or Given()
    shown = one.sample_hash or content_hash([given.raw, given.choices, given.reference])
    score = None if one.error else number(one.evaluation.score)
    latency = number(one.performance.latency_ms) if one.performance else None
    metadata = one.metadata or {}
    about = scalars(metadata)
    said: dict[str, Any] = {"sample": about} if about else {}
    if options.questions and isinstance(given.raw, str):
        said["question"] = given.raw
    return {
        "run": one.evaluation_id,
        "subject": one.model_id,
        "instrument": one.evaluation_name,
        "item": f"{one.sample_id}:{shown[:16]}",
        "cluster": label(metadata.get("cluster", metadata.get("family"))),
        "variant": label(metadata.get("variant")),
        "grader": one.evaluation_result_id or "score",
        "score": score,
        "error": one.error or (None if score is not None else "score is no number"),
        "answer": _answer(one),
        "input_tokens": one.token_usage.input_tokens if one.token_usage else None,
        "output_tokens": one.token_usage.output_tokens if one.token_usage else None,
        "seconds": None if latency is None else latency / 1000,
        "metadata": encode(said) if said else None,
    }


def _answer(one: Instance) -> str | None:
    raw = one.output.raw if one.output else None
    if isinstance(raw, list):
        raw = raw[0] if len(raw) == 1 else encode(raw) if raw else None
    if isinstance(raw, str):
        return raw
    said = [m.content for m in one.messages or [] if m.role == "assistant" and m.content]
    return said[-1] if said else None
