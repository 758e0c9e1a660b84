"""What do the planted subjects say of their items? Read once, kept beside the weights.

Everything that detectors look at: scores of each item as published, in other words and as its
twin; the digits of each canary; each list of questions in its published and in random orders;
which answers are right.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.contamination.exposure import order_scores
from calibrant.contamination.signals import SIGNALS, reference
from calibrant.contamination.tokens import TokenScores, read_scores, write_scores
from calibrant.errors import InputError, SubjectError
from calibrant.subjects.planted.corpus import Arms
from calibrant.subjects.planted.store import VARIANTS, folder_of, load, read_manifest, train
from calibrant.subjects.planted.subject import PlantedSubject

Floats = NDArray[np.float64]

FORMS = ("verbatim", "paraphrase", "twin")
PERMUTATIONS = 9
SHARD = 4
"""Questions of one shard of a list."""
_VERSION = 2
"""Of what is read, and how."""


@dataclass(frozen=True, repr=False)
class Reading:
    """What one subject says.

    Attributes:
        scores: of each form, scores of all items in their order.
        canaries: shape (canaries,), log-probability of the digits.
        orders: shape (lists, shards, 1 + permutations), the published order's first; no lists
            of the tuned subject, which was not tuned on any.
        right: shape (items,), whether the answer is right.
    """

    scores: dict[str, TokenScores]
    canaries: Floats
    orders: Floats
    right: NDArray[np.bool_]
    _kept: dict[tuple[str, str], Floats] = field(default_factory=dict)

    def signal(self, name: str, form: str = "verbatim", beside: Reading | None = None) -> Floats:
        """A signal of each item, by its name in `contamination.signals`.

        Args:
            beside: the reading of the reference subject, for "reference".
        """
        if name == "reference":
            if beside is None:
                raise InputError("signal reference: wanted the reading of a reference subject")
            return reference(self.scores[form], beside.scores[form])
        if (name, form) not in self._kept:
            self._kept[name, form] = SIGNALS[name](self.scores[form])
        return self._kept[name, form]


@dataclass(frozen=True, repr=False)
class Readings:
    """What all subjects of a pair say.

    Attributes:
        name: such as "planted/pair-0".
        arms: what was planted.
        by: readings by variant.
    """

    name: str
    arms: Arms
    by: dict[str, Reading]

    def __repr__(self) -> str:
        return f"{self.name}: readings of {len(self.arms.items)} items by {', '.join(self.by)}"

    @cached_property
    def copies(self) -> NDArray[np.int64]:
        """Shape (items,): copies of each."""
        return np.array([item.copies for item in self.arms.items])

    @cached_property
    def forms(self) -> NDArray[np.str_]:
        """Shape (items,): "verbatim", "rephrased" or "none"."""
        return np.array([item.form for item in self.arms.items])

    def arm(self, copies: int, form: str = "verbatim") -> NDArray[np.int64]:
        """Places of the items of one arm."""
        wanted = "none" if copies == 0 else form
        return np.flatnonzero((self.copies == copies) & (self.forms == wanted))

    def signal(self, variant: str, name: str, form: str = "verbatim") -> Floats:
        """A signal of each item; for "reference" the clean twin is the reference subject."""
        return self.by[variant].signal(name, form, self.by["clean"])


def readings(
    name: str = "planted/pair-0", *, notify: Callable[[str], None] | None = None
) -> Readings:
    """Read all items with all subjects of a pair, or take what was read before.

    A pair that is not trained yet is trained: ten minutes of CPU, or ten seconds for a small one.

    Args:
        notify: told when something takes long.

    Raises:
        SubjectError, WeightsError: as `train` and `load`.
    """
    tell = notify or _silent
    folder = folder_of(name)
    design, seed = folder.name.rsplit("-", 1)
    missing = set(VARIANTS)
    if (folder / "manifest.json").exists():
        missing -= set(read_manifest(folder)["variants"])
    if missing:
        long = "about ten seconds" if design == "small" else "up to ten minutes of CPU, once"
        tell(f"{name}: training {', '.join(sorted(missing))} ({long}; kept in {folder})")
        train(name)
    found, arms = {}, None
    for variant in VARIANTS:
        subject = load(variant, seed=int(seed), design=design)
        arms = subject.arms
        weights = subject.manifest["files"][f"{variant}.npz"]
        old = _kept(folder, variant, weights)
        if old is None:
            tell(f"{subject.name}: reading the items, once")
            old = _read(subject)
            _keep(folder, variant, weights, old)
        found[variant] = old
    assert arms is not None
    return Readings(f"planted/{folder.name}", arms, found)


def _silent(_: str) -> None:
    """What is told nobody."""


def _read(subject: PlantedSubject) -> Reading:
    items = subject.arms.items
    names = [item.item.id for item in items]
    texts = {
        "verbatim": [item.text for item in items],
        "paraphrase": [item.paraphrase for item in items],
        "twin": [item.twin for item in items],
    }
    scores = {f: subject.score(texts[f], items=names, form=f) for f in FORMS}
    whole = subject.score([c.before + c.digits for c in subject.arms.canaries])
    digits = [len(subject.tokenizer.encode(c.digits)) for c in subject.arms.canaries]
    parts = np.split(whole.logprob, whole.starts[1:-1])
    lists = () if subject.variant == "tuned" else subject.arms.orders
    orders = [
        order_scores(
            subject, order.questions, shards=len(order.questions) // SHARD, between="\n",
            permutations=PERMUTATIONS, seed=i,
        )
        for i, order in enumerate(lists)
    ]  # fmt: skip
    ends = [len(subject.tokenizer.encode(f" {item.item.answer}\n")) for item in items]
    return Reading(
        scores,
        np.array([part[-n:].sum() for part, n in zip(parts, digits, strict=True)]),
        np.array(orders, dtype=float),
        right_of(scores["verbatim"], ends),
    )


def right_of(scores: TokenScores, ends: Sequence[int]) -> NDArray[np.bool_]:
    """Whether each answer is right: the likeliest tokens after "A:" are the answer and its end.

    What greedy generation would say, without generating: all ranks there are 1. (It would also
    take the end of a document for an end, so this counts a few right answers fewer.)

    Args:
        ends: tokens of each text from the answer on.
    """
    if scores.rank is None:
        raise InputError(f"{scores.subject}: no ranks")
    ranks = np.split(scores.rank, scores.starts[1:-1])
    return np.array([bool(np.all(r[-n:] == 1)) for r, n in zip(ranks, ends, strict=True)])


def _keep(folder: Path, variant: str, weights: str, reading: Reading) -> None:
    """Write a reading with the hash of the weights that it is of, the hash last."""
    try:
        for form, scores in reading.scores.items():
            write_scores(scores, folder / f"reading-{variant}-{form}.parquet")
        with (folder / f"reading-{variant}.npz").open("wb") as file:
            np.savez(
                file, allow_pickle=False, canaries=reading.canaries, orders=reading.orders,
                right=reading.right,
            )  # fmt: skip
        mark = {"weights": weights, "version": _VERSION}
        (folder / f"reading-{variant}.json").write_text(json.dumps(mark), encoding="utf-8")
    except OSError as e:
        raise SubjectError(f"{folder}: cannot be written: {e.strerror or e}") from e


def _kept(folder: Path, variant: str, weights: str) -> Reading | None:
    """What was read before of the same weights; None if it is not there, or not whole."""
    path = folder / f"reading-{variant}.json"
    try:
        mark: Any = json.loads(path.read_text(encoding="utf-8"))
        if mark != {"weights": weights, "version": _VERSION}:
            return None
        scores = {f: read_scores(folder / f"reading-{variant}-{f}.parquet")[0] for f in FORMS}
        more = folder / f"reading-{variant}.npz"
        with more.open("rb") as file, np.load(file, allow_pickle=False) as found:
            return Reading(scores, found["canaries"], found["orders"], found["right"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None  # it can be read again
