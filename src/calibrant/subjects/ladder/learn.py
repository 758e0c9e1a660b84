"""How does a subject of a ladder learn, and what does it say to the items?

Each has its weights, and a note of their hash. A subject that was interrupted goes on from its last
checkpoint; one that is finished is not trained again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy import special

from calibrant._files import write_whole
from calibrant.errors import SubjectError, WeightsError
from calibrant.subjects.ladder.design import LADDERS, Rungs
from calibrant.subjects.ladder.skills import ALPHABET, Asked, World, encoded
from calibrant.subjects.planted import network
from calibrant.subjects.planted.corpus import Design
from calibrant.subjects.planted.network import Weights
from calibrant.subjects.planted.training import train

Say = Callable[[str, int, int, float], None]
"""Told a subject, its steps done, its steps in all, and the loss of late."""
_AT_ONCE = 512
"""Texts that are read in one go."""


@dataclass(frozen=True)
class Rung:
    """A subject of a ladder that was trained.

    Attributes:
        subject: such as "seven-0/3".
        width, tokens, parameters: its size, and what it read.
        compute: 6 × parameters × tokens, in floating point operations.
        loss: nats a token at the end of training.
        cpu_seconds: of training.
        sha256: of the file of its weights.
    """

    subject: str
    width: int
    tokens: int
    parameters: int
    compute: float
    loss: float
    cpu_seconds: float
    sha256: str


def compute_of(rungs: Rungs, rung: int) -> float:
    """The compute of a subject, which is known before it is trained."""
    design = rungs.design(rung)
    size = sum(w.size for w in network.start(design, 0, len(ALPHABET)).values())
    return 6.0 * size * rungs.sizes[rung][1]


def learnt(folder: Path, ladder: str, seed: int, rung: int, say: Say | None = None) -> Rung:
    """A subject, trained if it is not there.

    Raises:
        SubjectError: without JAX, or if the folder cannot be written.
        WeightsError: if its weights are not those that were trained.
    """
    rungs = LADDERS[ladder]
    name, note = f"{ladder}-{seed}/{rung}", folder / f"subject-{rung}.json"
    file = folder / f"subject-{rung}.npz"
    if note.exists():
        return _known(note, file, name)
    design = rungs.design(rung)
    world = World.drawn(seed, rungs.letters, rungs.late)
    own = seed * 1000 + rung
    tokens = rungs.sizes[rung][1]
    text = world.text(tokens, own, late=rung == len(rungs.sizes) - 1)[:tokens]
    begin = network.start(design, own, len(ALPHABET))

    def tick(done: int, steps: int, loss: float) -> None:
        if say is not None:
            say(name, done, steps, loss)

    point = folder / f"subject-{rung}.checkpoint.npz"
    found = train(design, text, begin, keep=point, tick=tick)
    try:
        with file.open("wb") as out:
            np.savez(out, allow_pickle=False, **found.weights)
        made = Rung(
            name, design.width, tokens, sum(w.size for w in found.weights.values()),
            compute_of(rungs, rung), found.loss, round(found.cpu_seconds, 1), _hash(file),
        )  # fmt: skip
        write_whole(note, (json.dumps(asdict(made), indent=1) + "\n").encode())
        point.unlink(missing_ok=True)
    except OSError as e:
        raise SubjectError(f"{folder}: cannot be written: {e.strerror or e}") from e
    return made


def answers(folder: Path, ladder: str, seed: int, rung: int) -> pl.DataFrame:
    """What a trained subject says to every item: a row for each choice.

    Columns subject, compute, measure, item, choice, logprob (nats), correct, score. Chains have one
    row an item, no choice, and the score of the likeliest answer.
    """
    rungs = LADDERS[ladder]
    design, own = rungs.design(rung), learnt(folder, ladder, seed, rung)
    with np.load(folder / f"subject-{rung}.npz", allow_pickle=False) as kept:
        weights = {key: kept[key] for key in kept.files}
    asked = World.drawn(seed, rungs.letters, rungs.late).items(seed, rungs.recall)
    each = [(a, c) for a in asked for c in a.choices]
    logp, greedy = read(design, weights, each)
    free = [len(a.choices) == 1 for a, _ in each]
    right = [int(c == a.choices[0]) for a, c in each]
    return pl.DataFrame(
        {
            "subject": [own.subject] * len(each), "compute": [own.compute] * len(each),
            "measure": [a.skill for a, _ in each], "item": [a.id for a, _ in each],
            "choice": [None if f else c for f, (_, c) in zip(free, each, strict=True)],
            "logprob": logp, "correct": right,
            "score": [float(g) if f else None for f, g in zip(free, greedy, strict=True)],
        },
        schema_overrides={"choice": pl.String, "score": pl.Float64},
    )  # fmt: skip


def read(
    design: Design, weights: Weights, each: Sequence[tuple[Asked, str]]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Log-probability of each answer after its text, and whether its letters are the likeliest."""
    logp, best = np.zeros(len(each)), np.zeros(len(each), bool)
    order = sorted(range(len(each)), key=lambda i: len(each[i][0].text) + len(each[i][1]))
    for i in range(0, len(order), _AT_ONCE):
        part = order[i : i + _AT_ONCE]
        texts = [each[j][0].text + each[j][1] for j in part]
        tokens = np.zeros((len(part), max(map(len, texts))), np.int64)
        for row, text in zip(tokens, texts, strict=True):
            row[: len(text)] = encoded(text)
        told = network.logits(weights, design, tokens[:, :-1]).astype(np.float64)
        told -= special.logsumexp(told, axis=-1, keepdims=True)
        own = np.take_along_axis(told, tokens[:, 1:, None], -1)[..., 0]
        top = told.argmax(-1) == tokens[:, 1:]
        for at, j in enumerate(part):
            where = slice(len(each[j][0].text) - 1, len(texts[at]) - 1)
            logp[j], best[j] = own[at, where].sum(), top[at, where].all()
    return logp, best


def _known(note: Path, file: Path, name: str) -> Rung:
    try:
        found = Rung(**json.loads(note.read_text(encoding="utf-8")))
        spoilt = found.subject != name or _hash(file) != found.sha256
    except (OSError, ValueError, TypeError) as e:
        raise WeightsError(f"{note}: no subject of a ladder can be read from it: {e}") from e
    if spoilt:
        raise WeightsError(
            f"{file}: not the weights of {name} that were trained; delete the folder"
        )
    return found


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
