"""Climb a ladder of tiny language models: from log-probabilities to a settled forecast.

    python climb.py FOLDER [seven|tiny]

Trains all subjects but the largest, seals a forecast of that one, trains it, and settles. About
three minutes of CPU for "seven", seconds for "tiny"; Ctrl-C costs nothing.
"""

from __future__ import annotations

import sys

from calibrant.subjects.ladder import climb_ladder


def main(folder: str, ladder: str = "seven") -> None:
    """Print what was forecast and what came of it."""
    found = climb_ladder(
        folder, ladder=ladder, say=lambda name, done, steps, loss: print(name, done, steps, loss)
    )
    print(found)
    for row in found.settled["rows"]:
        said = f"{row['median']:.3g} ({row['low']:.3g} to {row['high']:.3g})"
        print(f"{row['measure']:24} {said:32} {row['outcome']:.3g}", row["covered"])
    for before, after in zip(found.before.ladders, found.after.ladders, strict=True):
        print(f"{before.measure}: {before.emergence.says}, then {after.emergence.says}")


if __name__ == "__main__":
    main(*sys.argv[1:])
