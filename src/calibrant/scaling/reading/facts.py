"""What was a forecast made from? Its known scores as plain rows, and hashes of its files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from calibrant.errors import InputError
from calibrant.scaling.scores import Scores


def history(known: Scores) -> list[dict[str, Any]]:
    """The rows with a score, as plain data: what figures show and registrations look into."""
    able = None if known.given is None else known.given.ability(known.subject)
    return [
        {
            "subject": str(known.subject[i]), "family": str(known.family[i]),
            "measure": str(known.measure[i]),
            "scale": float(known.scale[i]) if np.isfinite(known.scale[i]) else None,
            "date": None if np.isnat(known.date[i]) else str(known.date[i]),
            "score": float(known.score[i]),
            **({} if able is None else {"ability": float(able[i]) if np.isfinite(able[i])
                                        else None}),
        }
        for i in np.flatnonzero(np.isfinite(known.score))
    ]  # fmt: skip


def digests(sources: Iterable[Any]) -> tuple[dict[str, str], ...]:
    """The name and SHA-256 of each source that is a file.

    Raises:
        InputError: if one cannot be read.
    """
    return tuple(digest(s) for s in sources if isinstance(s, str | Path))


def digest(path: str | Path) -> dict[str, str]:
    """The name and SHA-256 of a file.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as e:
        raise InputError(f"{path}: data cannot be read ({e.strerror or e})") from e
    return {"file": Path(path).name, "sha256": hashlib.sha256(data).hexdigest()}
