"""Which trials does a HELM run folder hold? One for each instance, perturbation and metric."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct, field

from calibrant.errors import InputError
from calibrant.records.identity import content_hash
from calibrant.records.readers.batch import Batch, Options, label, moment, number, scalars
from calibrant.records.readers.files import File
from calibrant.records.readers.jsondata import decode, encode

_NOT_SCORES = (
    "num_", "inference_", "training_", "prompt_", "batch_", "max_prob", "logprob", "finish_reason",
)  # fmt: skip
"""Beginnings of statistics that describe an answer and do not score it."""


class Adapter(Struct):
    """adapter_spec."""

    model: str = ""
    model_deployment: str = ""


class RunSpec(Struct):
    """run_spec.json."""

    name: str
    adapter_spec: Adapter
    groups: list[str] = []


class Instance(Struct):
    """What was shown."""

    id: str | None = None
    input: Any = None
    references: Any = None
    split: str | None = None
    sub_split: str | None = None
    perturbation: dict[str, Any] | None = None


class Completion(Struct):
    """One answer."""

    text: str | None = None


class Answer(Struct):
    """result of a request."""

    success: bool = True
    completions: list[Completion] = []
    request_time: Any = None
    request_datetime: Any = None
    error: str | None = None


class State(Struct):
    """One request and its result."""

    instance: Instance
    train_trial_index: int = 0
    request_mode: str | None = None
    result: Answer | None = None


class Scenario(Struct):
    """scenario_state.json."""

    request_states: list[State]
    adapter_spec: Adapter | None = None


class StatName(Struct):
    """What a statistic is of."""

    name: str
    split: str | None = None
    sub_split: str | None = None
    perturbation: dict[str, Any] | None = None


class Stat(Struct):
    """A statistic; over one instance its mean is the score."""

    name: StatName
    count: float | None = None
    sum: Any = None
    sum_squared: Any = None
    mean: Any = None
    stddev: Any = None


class PerInstance(Struct):
    """One entry of per_instance_stats.json."""

    instance_id: str
    train_trial_index: int = 0
    perturbation: dict[str, Any] | None = None
    stats: list[Stat] = field(default_factory=list)


def read_run(file: File, options: Options) -> Batch:
    """Read the run folder that `file` lies in.

    Item is the instance with a hash of what was shown, variant the perturbation, epoch the train
    trial, grader the metric. Counts and sums that HELM keeps stand in the metadata.

    Raises:
        InputError: naming the file and the place. Without per-instance statistics, aggregates of
            stats.json are read in their place.
    """
    spec = _load(file, "run_spec.json", RunSpec, options)
    state = _load(file, "scenario_state.json", Scenario, options)
    scored = _load(file, "per_instance_stats.json", list[PerInstance], options)
    adapter = spec.adapter_spec if spec else state.adapter_spec if state else None
    folder = file.folder.replace("\\", "/").rsplit("/", 1)[-1]
    subject = (adapter.model or adapter.model_deployment) if adapter else ""
    subject = options.constants.get("subject") or subject
    if not subject:
        raise InputError(f"{file.folder}: neither run_spec.json nor scenario_state.json names the"
                         " model: say --set subject=NAME")  # fmt: skip
    about = {"run": spec.name if spec else folder, "subject": subject,
             "instrument": _instrument(spec.name if spec else folder)}  # fmt: skip
    batch = Batch()
    if scored is None:
        stats = _load(file, "stats.json", list[Stat], options) or []
        batch.aggregates = list(_aggregates(stats, about))
        if not batch.aggregates:
            raise InputError(f"{file.folder}: a HELM folder without per_instance_stats.json")
        batch.notes.append("no per_instance_stats.json: aggregates only")
        return batch
    states = _by_instance(state)
    batch.samples = len(scored)
    batch.expected = max(len(states), len(scored))
    for one in scored:
        original = states.get((one.instance_id, one.train_trial_index, None))
        _add(batch, one, states.get(_key(one)), original, about, questions=options.questions)
    return batch


def _load(file: File, name: str, kind: Any, options: Options) -> Any:
    """A file of the folder, or None if it is not there."""
    part = file.beside(name)
    try:
        part.open().close()
    except InputError as e:
        if isinstance(e.__cause__, FileNotFoundError):
            return None
        raise
    return decode(part.read(options.max_member), kind, part.path)


def _instrument(name: str) -> str:
    """The run's name without the model: "mmlu:subject=philosophy"."""
    head, sep, rest = name.partition(":")
    if not sep:
        return name
    kept = [p for p in rest.split(",") if not p.startswith(("model=", "model_deployment="))]
    return f"{head}:{','.join(kept)}" if kept else head


def _variant(perturbation: dict[str, Any] | None) -> str | None:
    """The perturbation's name with its settings where there are several of a name."""
    if not perturbation:
        return None
    name = str(perturbation.get("name") or perturbation.get("name_") or "perturbed")
    rest = {k: v for k, v in sorted(perturbation.items()) if k in ("prob", "seed", "mode")}
    return label(name + "".join(f",{k}={v}" for k, v in rest.items()))


def _key(one: PerInstance) -> tuple[str, int, str | None]:
    return one.instance_id, one.train_trial_index, _variant(one.perturbation)


def _by_instance(state: Scenario | None) -> dict[tuple[str, int, str | None], State]:
    found: dict[tuple[str, int, str | None], State] = {}
    for s in state.request_states if state else []:
        # References of one instance may be asked one by one; the first request stands for it.
        key = (s.instance.id or "", s.train_trial_index, _variant(s.instance.perturbation))
        found.setdefault(key, s)
    return found


def _add(
    batch: Batch,
    one: PerInstance,
    state: State | None,
    original: State | None,
    about: dict[str, str],
    *,
    questions: bool = False,
) -> None:
    """Add the trials of one instance; a perturbed one is a variant of the `original`."""
    measured = {s.name.name: number(s.mean) for s in one.stats}
    base: dict[str, Any] = {
        **about,
        "item": one.instance_id,
        "variant": _variant(one.perturbation),
        "epoch": one.train_trial_index + 1,
        "input_tokens": _whole(measured.get("num_prompt_tokens")),
        "output_tokens": _whole(measured.get("num_output_tokens")),
        "seconds": measured.get("inference_runtime"),
    }
    failed, asked = None, None
    if state is not None:
        instance = (original or state).instance
        base["item"] += f":{content_hash([instance.input, instance.references])[:16]}"
        asked = _asked(state.instance.input) if questions else None
        result = state.result
        if result is not None:
            base["answer"] = result.completions[0].text if result.completions else None
            base["time"] = moment(result.request_datetime)
            failed = None if result.success else (result.error or "the request failed")
    for stat in one.stats:
        if stat.name.name.startswith(_NOT_SCORES):
            continue
        score = None if failed else number(stat.mean)
        said = {
            "count": stat.count, "sum": stat.sum, "sum_squared": stat.sum_squared,
            "split": stat.name.split, "sub_split": stat.name.sub_split,
            "perturbation": scalars(one.perturbation),
            "question": asked,
        }  # fmt: skip
        batch.add(
            {
                **base, "grader": stat.name.name, "score": score,
                "error": failed or (None if score is not None else "score is no number"),
                "metadata": encode({k: v for k, v in said.items() if v not in (None, {})}),
            }
        )  # fmt: skip


def _asked(given: Any) -> str | None:
    """The text of an instance's input."""
    text = given.get("text") if isinstance(given, dict) else given
    return text if isinstance(text, str) else None


def _whole(value: float | None) -> int | None:
    return None if value is None or not 0 <= value < 2**53 else int(value)


def _aggregates(stats: list[Stat], about: dict[str, str]) -> Iterator[dict[str, Any]]:
    for stat in stats:
        if stat.name.name.startswith(_NOT_SCORES) or number(stat.mean) is None:
            continue
        yield {
            **about,
            "grader": stat.name.name,
            "statistic": "mean",
            "value": number(stat.mean),
            "n": _whole(stat.count),
            "metadata": encode(
                {"source": "helm", "sum": stat.sum, "sum_squared": stat.sum_squared,
                 "split": stat.name.split, "variant": _variant(stat.name.perturbation)}
            ),
        }  # fmt: skip
