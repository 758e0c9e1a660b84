"""Which trials and aggregates does lm-evaluation-harness leave? results_*.json, samples_*.jsonl."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta, Raw, Struct, field

from calibrant.errors import InputError
from calibrant.records.identity import content_hash
from calibrant.records.readers.batch import Batch, Options, number, scalars
from calibrant.records.readers.files import File
from calibrant.records.readers.jsondata import decode, encode, utf8
from calibrant.records.trials import score_number

_DATE = re.compile(r"_(\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}(?:\.\d+)?)\.jsonl?$")


class Size(Struct):
    """How many documents a task has, and how many of them were used."""

    effective: Annotated[int, Meta(ge=0, le=2**53)] | None = None


class Results(Struct):
    """results_*.json, as far as it is read."""

    results: dict[str, dict[str, Any]]
    model_name: str | None = None
    config: dict[str, Any] = {}
    n_samples: dict[str, Size] = field(name="n-samples", default_factory=dict)
    lm_eval_version: Any = None


class Doc(Struct):
    """One line of samples_*.jsonl; the scores stand in keys of their own, named by `metrics`."""

    doc_id: int | str
    doc: Any = None
    target: Any = None
    arguments: Any = None
    resps: Any = None
    filtered_resps: Any = None
    filter: str = "none"
    metrics: list[str] = []
    doc_hash: str | None = None
    prompt_hash: str | None = None
    repeat: Annotated[int, Meta(ge=0, le=2**31)] | None = None


def read_samples(file: File, options: Options) -> Batch:
    """Read samples_TASK_DATE.jsonl, with the model's name from results_DATE.json beside it.

    A trial's item is the document's number and the hash of the document, its grader the metric,
    with the filter where it is not "none".

    Raises:
        InputError: naming the file and the line; also if the results are not there and nothing
            says which model answered.
    """
    date, task = _parts(file)
    results = _results(file, date, options)
    subject = options.constants.get("subject") or (model_name(results) if results else None)
    if subject is None:
        raise InputError(
            f"{file.path}: results_{date or 'DATE'}.json is not beside it, so nothing says which"
            " model answered: say --set subject=NAME"
        )
    batch = Batch()
    graders: set[str] = set()
    data = utf8(file.read(options.max_member), file.path)
    rows: list[tuple[Doc, dict[str, Any]]] = []
    for i, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            where = f"{file.path}: line {i}"
            rows.append((decode(line, Doc, where), _metrics(line, where)))
    epochs: dict[tuple[str, str], int] = {}
    for doc, values in rows:
        shown = doc.doc_hash or content_hash([doc.doc, doc.target])
        item = f"{doc.doc_id}:{shown[:16]}"
        if doc.repeat is not None:
            epoch = doc.repeat + 1
        else:
            epoch = epochs[item, doc.filter] = epochs.get((item, doc.filter), 0) + 1
        for name in doc.metrics or values:
            grader = name if doc.filter in ("none", "") else f"{name},{doc.filter}"
            graders.add(grader)
            value = values.get(name)
            score = score_number(value)
            error = None if score is not None else f"score is no number: {value!r}"[:200]
            batch.add(
                {
                    "run": date, "subject": subject, "instrument": task, "item": item,
                    "epoch": epoch, "grader": grader, "score": score, "error": error,
                    "answer": _answer(doc, options), "metadata": _about(doc, options),
                }
            )  # fmt: skip
    # Several filters give several lines for one document.
    batch.samples = len({(doc.doc_id, doc.repeat) for doc, _ in rows})
    if results and task in results.n_samples:
        batch.expected = results.n_samples[task].effective or 0
    return batch


def read_results(file: File, options: Options) -> Batch:
    """Read results_DATE.json: aggregates of the tasks whose samples do not lie beside it.

    Raises:
        InputError: naming the file and the place.
    """
    found = decode(file.read(options.max_member), Results, file.path)
    date = _DATE.search(file.name)
    batch = Batch()
    for task, values in found.results.items():
        if date and _exists(file.beside(f"samples_{task}_{date[1]}.jsonl")):
            continue
        batch.aggregates.extend(_aggregates(task, values, found, date[1] if date else None))
    return batch


def _aggregates(
    task: str, values: dict[str, Any], found: Results, date: str | None
) -> Iterator[dict[str, Any]]:
    size = found.n_samples[task].effective if task in found.n_samples else None
    for key, value in values.items():
        metric, _, kind = key.partition(",")
        if not kind or metric.endswith("_stderr") or number(value) is None:
            continue
        yield {
            "run": date,
            "subject": model_name(found),
            "instrument": task,
            "grader": metric if kind == "none" else key,
            "statistic": "mean",
            "value": number(value),
            "standard_error": number(values.get(f"{metric}_stderr,{kind}")),
            "n": size,
            "metadata": encode({"source": "lm-eval", "version": found.lm_eval_version}),
        }


def model_name(found: Results) -> str:
    """The name of the model that results speak of."""
    return found.model_name or str(found.config.get("model") or "unknown")


def _parts(file: File) -> tuple[str | None, str]:
    """Date and task of a file name."""
    date = _DATE.search(file.name)
    stem = file.name[: date.start()] if date else file.name.rsplit(".", 1)[0]
    return date[1] if date else None, stem.removeprefix("samples_")


def _results(file: File, date: str | None, options: Options) -> Results | None:
    """The results that lie beside a file of samples."""
    results = file.beside(f"results_{date}.json")
    if date is None or not _exists(results):
        return None
    return decode(results.read(options.max_member), Results, results.path)


def _exists(file: File) -> bool:
    try:
        with file.open():
            return True
    except InputError:
        return False


_KNOWN = set(Doc.__struct_fields__) | {"target_hash", "doc_to_text"}


def _metrics(line: bytes, where: str) -> dict[str, Any]:
    """The entries of a line that are not the document's: its scores."""
    raw = decode(line, dict[str, Raw], where)
    return {k: decode(v, Any, f"{where}: {k}") for k, v in raw.items() if k not in _KNOWN}


def _answer(doc: Doc, options: Options) -> str | None:
    """What the subject answered; for multiple choice, the filtered responses as they are.

    For people who read question and answer, the answer before filters took a part of it.
    """
    whole = options.questions and doc.resps is not None
    responses = doc.resps if whole or doc.filtered_resps is None else doc.filtered_resps
    while isinstance(responses, list) and len(responses) == 1:
        responses = responses[0]
    if responses is None or isinstance(responses, str):
        return responses
    return encode(responses)


def _asked(arguments: Any) -> str | None:
    """The prompt: the first text of the first request."""
    while isinstance(arguments, dict | list) and arguments:
        arguments = next(iter(arguments.values() if isinstance(arguments, dict) else arguments))
    return arguments if isinstance(arguments, str) else None


def _about(doc: Doc, options: Options) -> str | None:
    said = {"prompt_hash": doc.prompt_hash, "sample": scalars(doc.doc)}
    if options.questions:
        said["question"] = _asked(doc.arguments)
    said = {k: v for k, v in said.items() if v}
    return encode(said) if said else None
