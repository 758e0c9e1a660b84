"""What a model said is kept in a folder, so that a long back-test goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from dataclasses import asdict
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.scaling.forecaster import Forecaster
from calibrant.scaling.predictive import Predictive
from calibrant.scaling.scores import Scores

if TYPE_CHECKING:
    from calibrant.scaling.backtests.run import Answer

_ARRAYS = ("location", "spread", "df", "weight", "low", "high")
_FORM = 1
"""Counts up when what a kept answer holds, or how models answer, changes."""


class Keep:
    """A folder of answers, each under the hash of all that it depends on.

    That is the known scores, what is asked for, the cut, the model's name and assumption, the seed
    and calibrant's version. A file that cannot be read is made anew.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise InputError(f"--keep {folder}: no such folder can be made ({e.strerror})") from e

    def __repr__(self) -> str:
        return f"Keep: {self.folder}"

    def path(self, model: Forecaster, known: Scores, at: Scores, seed: int, where: str) -> Path:
        """Where the answer of a model is kept."""
        made = hashlib.sha256(
            json.dumps(
                [
                    _FORM,
                    version("calibrant"),
                    model.name,
                    model.says,
                    seed,
                    where,
                    _facts(known),
                    _facts(at),
                ]
            ).encode()
        )
        return self.folder / f"{made.hexdigest()[:32]}.npz"

    def read(self, path: Path) -> Answer | None:
        """A kept answer; None if there is none that can be read."""
        from calibrant.scaling.backtests.run import Answer, Failure

        if not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as data:
                rest = json.loads(str(data["rest"]))
                spoke = None
                if rest["spoke"]:
                    spoke = (Predictive(*(data[n] for n in _ARRAYS)), data["there"])
                failures = tuple(Failure(**f) for f in rest["failures"])
                return Answer(spoke, failures, tuple(rest["gates"]))
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            # Half a file, or none of ours: the model is asked again, and the file replaced.
            return None

    def write(self, path: Path, answer: Answer) -> None:
        """Keep an answer; whole or not at all.

        Raises:
            InputError: if it cannot be written.
        """
        arrays: dict[str, NDArray[Any]] = {}
        if answer.spoke is not None:
            found, there = answer.spoke
            arrays = {n: np.asarray(getattr(found, n)) for n in _ARRAYS} | {"there": there}
        rest = {
            "spoke": answer.spoke is not None,
            "failures": [asdict(f) for f in answer.failures],
            "gates": list(answer.gates),
        }
        held = BytesIO()
        np.savez_compressed(held, rest=np.array(json.dumps(rest)), **arrays)  # type: ignore[arg-type]
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            part.write_bytes(held.getvalue())
            part.replace(path)
        except OSError as e:
            raise InputError(f"--keep {self.folder}: cannot be written ({e.strerror})") from e


def _facts(scores: Scores) -> list[Any]:
    """The hash of every number and name of a table that a model may read."""
    names = [[str(x) for x in getattr(scores, n)] for n in ("subject", "family", "measure", "date")]
    numbers = [
        hashlib.sha256(np.ascontiguousarray(getattr(scores, n), dtype=float).tobytes()).hexdigest()
        for n in ("scale", "score", "se")
    ]
    limits = {m: list(map(str, pair)) for m, pair in sorted(scores.limits.items())}
    given = []
    if scores.given is not None:
        values = np.ascontiguousarray(scores.given.of(scores.subject))
        given = [*scores.given.measures, hashlib.sha256(values.tobytes()).hexdigest()]
    return [*names, *numbers, limits, dict(sorted(scores.chance.items())), *given]
