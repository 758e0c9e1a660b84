"""Which column of a foreign table is which of a trial's? Named, guessed, or refused."""

from __future__ import annotations

from dataclasses import dataclass, field

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.records.readers.batch import Options
from calibrant.records.trials import SCHEMA

SYNONYMS: dict[str, tuple[str, ...]] = {
    "run": ("run_id", "eval_id", "evaluation_id"),
    "subject": ("model", "model_name", "model_id", "system", "agent"),
    "instrument": ("task", "task_name", "benchmark", "dataset", "eval", "evaluation_name"),
    "item": ("item_id", "question_id", "sample_id", "doc_id", "problem_id", "instance_id",
             "example_id", "prompt_id", "id"),
    "cluster": ("cluster_id",),
    "variant": ("perturbation", "variant_id"),
    "epoch": ("repeat", "repetition", "attempt", "replicate"),
    "grader": ("scorer", "metric", "judge", "rater"),
    "score": ("correct", "is_correct", "accuracy", "acc", "exact_match", "passed", "reward"),
    "answer": ("response", "completion", "output", "prediction"),
    "error": ("error_message", "exception"),
    "input_tokens": ("prompt_tokens",),
    "output_tokens": ("completion_tokens",),
    "seconds": ("latency", "duration", "elapsed"),
    "cost": ("cost_usd", "price"),
    "time": ("timestamp", "created_at", "datetime"),
}  # fmt: skip
"""Names that other tools give to the columns of the trials table, in small letters."""

_NEEDED = ("subject", "item", "score")


@dataclass(frozen=True)
class Columns:
    """What each column of the trials comes from.

    Attributes:
        source: trials column → column of the table.
        constant: trials column → value for every row.
        guessed: which of `source` and `constant` nobody named.
        others: columns of the table that are kept in `metadata`.
    """

    source: dict[str, str]
    constant: dict[str, str]
    guessed: tuple[str, ...] = ()
    others: tuple[str, ...] = field(default=())

    def said(self) -> str:
        """One line about what was guessed; empty if nothing was."""
        parts = [
            f"{name} = {self.source[name]}" if name in self.source
            else f"{name} is {self.constant[name]!r}"
            for name in self.guessed
        ]  # fmt: skip
        return "columns guessed: " + ", ".join(parts) if parts else ""


def understand(names: list[str], options: Options, where: str, instrument: str) -> Columns:
    """Say which column is which, by the user's word, else by name.

    Args:
        instrument: name of the instrument if no column says it.

    Raises:
        InputError: if a needed column is not there, or two could be it.
    """
    source: dict[str, str] = {}
    constant = dict(options.constants)
    for name, column in options.columns.items():
        if name not in SCHEMA:
            raise InputError(f"--map {name}: wanted one of {', '.join(SCHEMA)}")
        if column not in names:
            raise InputError(f"{where}: no column {column!r}; there are {_listed(names)}")
        source[name] = column
    guessed: list[str] = []
    taken = set(source.values())
    for name in SCHEMA:
        if name in source or name in constant:
            continue
        found = _named(name, [n for n in names if n not in taken], where)
        if found is None:
            continue
        source[name] = found
        taken.add(found)
        if found != name:
            guessed.append(name)
    for name in _NEEDED:
        if name not in source and name not in constant:
            how = f" or --set {name}=NAME" if name == "subject" else ""
            raise InputError(
                f"{where}: no column for the {name}: say --map {name}=COLUMN{how}; there are"
                f" {_listed(names)}"
            )
    defaults = {"instrument": instrument, "grader": source.get("score", "score")}
    for name, value in defaults.items():
        if name not in source and name not in constant:
            constant[name] = value
            guessed.append(name)
    others = tuple(n for n in names if n not in source.values())
    return Columns(source, constant, tuple(guessed), others)


def _listed(names: list[str]) -> str:
    return one_line(", ".join(names), 300)


def _named(name: str, names: list[str], where: str) -> str | None:
    """The column called `name`, in any case, else the one that a synonym calls."""
    if name in names:
        return name
    lower = {n.strip().lower(): n for n in names}
    if name in lower:
        return lower[name]
    found = [lower[s] for s in SYNONYMS.get(name, ()) if s in lower]
    if len(found) > 1 and name in ("score", "subject", "item", "grader", "epoch", "instrument"):
        raise InputError(
            f"{where}: both {found[0]!r} and {found[1]!r} could be the {name}:"
            f" say --map {name}=COLUMN"
        )
    return found[0] if found else None
