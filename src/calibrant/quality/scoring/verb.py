"""How able are these subjects? From a bank and a table of responses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.bank import Bank, read_bank
from calibrant.quality.read import read_responses
from calibrant.quality.scoring.result import Method, Scores
from calibrant.quality.scoring.score import score_bank


def score(
    bank: Bank | str | Path,
    responses: Any,
    *,
    method: Method = "eap",
    level: float = 0.95,
    uncertainty: bool = True,
    fractional: str = "refuse",
    **reading: Any,
) -> Scores:
    """Subjects on the scale of a bank, by the items that it has.

    Args:
        bank: calibrated items, or the path of a bank as `write_bank` writes it.
        responses: whatever `read_responses` takes; items that the bank does not have are left out,
            which is noted.
        method, level, uncertainty, fractional: see `score_bank`.
        reading: further arguments of `read_responses`.

    Raises:
        InputError: if they share no item, and as `score_bank` and `read_responses`.
    """
    known = bank if isinstance(bank, Bank) else read_bank(Path(bank))
    found = read_responses(responses, **reading)
    place = {name: j for j, name in enumerate(found.items)}
    shared = [j for j, name in enumerate(known.items) if name in place]
    if not shared:
        raise InputError(
            f"the bank and the responses share no item: the bank begins with "
            f"{one_line(known.items[0], 60)!r}, the responses with {one_line(found.items[0], 60)!r}"
        )
    columns = [place.get(name, -1) for name in known.items]
    scores = found.scores[:, columns].copy()
    scores[:, [j for j, c in enumerate(columns) if c < 0]] = float("nan")
    scored = score_bank(
        known, scores, method, level, uncertainty=uncertainty, fractional=fractional,
        subjects=found.subjects,
    )  # fmt: skip
    notes = list(found.notes)
    if len(shared) < len(found.items):
        notes.append(f"{len(found.items) - len(shared)} items of the responses are not in the bank")
    if len(shared) < len(known.items):
        notes.append(
            f"{len(known.items) - len(shared)} of the bank's {len(known.items)} items are predicted"
        )
    if known.covariance is None:
        notes.append("the bank does not tell the error of its items, so intervals leave it out")
    return scored.noting(*notes)
