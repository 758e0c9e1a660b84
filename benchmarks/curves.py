"""How fast are exact operating curves? Beside a direct dynamic programme and a simulation.

One 10,000-trial sequential design, 101 true rates. The direct programme keeps the mass of every
count of events and moves it trial by trial, in NumPy; the simulation draws 10,000 runs at each
rate. Both are timed at a few rates and scaled. Exit code 1 if the curve takes a second of CPU.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

from calibrant.stats import Design, sprt
from calibrant.stats.stopping.curves import curve

RATES = np.linspace(0.0, 0.04, 101)
SAMPLED = RATES[[20, 50, 80]]
RUNS = 10_000
Bounds = tuple[np.ndarray, np.ndarray]


def ends(design: Design) -> Bounds:
    """For each number of trials, most events that support and fewest that end the run."""
    n = np.arange(design.at_most + 1)
    support = np.searchsorted(design.boundary.support, n, side="right") - 1
    # Futile times never fall with the count, so the first one late enough ends the run.
    futile = np.maximum.accumulate(design.boundary.futile)
    return support, np.searchsorted(futile, n, side="left")


def direct(design: Design, bounds: Bounds, rate: float) -> float:
    """Chance of support, by moving all mass one trial at a time."""
    support, stop = bounds
    mass, held = np.zeros(design.boundary.rows + 1), 0.0
    mass[0] = 1.0
    for n in range(1, design.at_most + 1):
        mass[1:] = mass[1:] * (1 - rate) + mass[:-1] * rate
        mass[0] *= 1 - rate
        mass[stop[n] :] = 0.0
        held += mass[: support[n] + 1].sum()
        mass[: support[n] + 1] = 0.0
    return held


def simulated(design: Design, bounds: Bounds, rate: float, rng: np.random.Generator) -> float:
    """Chance of support, by drawing runs."""
    support, stop = bounds
    events, going, held = np.zeros(RUNS, dtype=np.int64), np.ones(RUNS, dtype=bool), 0
    for n in range(1, design.at_most + 1):
        events[going] += rng.random(int(going.sum())) < rate
        yes = going & (events <= support[n])
        held += int(yes.sum())
        going &= ~yes & (events < stop[n])
        if not going.any():
            break
    return held / RUNS


def timed(job: Callable[[], object]) -> tuple[float, object]:
    """CPU seconds, and what came out."""
    started = time.process_time()
    found = job()
    return time.process_time() - started, found


def main() -> int:
    design = sprt(0.02, 0.0135, at_most=10_000, pursue=False)
    bounds, rng = ends(design), np.random.default_rng(1)
    ours, found = timed(lambda: curve(design, RATES))
    scale = RATES.size / SAMPLED.size
    slow, exact = timed(lambda: [direct(design, bounds, float(r)) for r in SAMPLED])
    slowest, drawn = timed(lambda: [simulated(design, bounds, float(r), rng) for r in SAMPLED])
    at = np.searchsorted(found.rates, SAMPLED)  # type: ignore[attr-defined]
    chances = found.supported[at]  # type: ignore[attr-defined]
    apart = float(np.abs(chances - np.array(exact)).max())
    print(f"operating curve of {design.at_most:,} trials at {RATES.size} rates, CPU seconds")
    print(f"  ours                        {ours:8.3f}")
    print(f"  direct dynamic programme    {slow * scale:8.1f}   {slow * scale / ours:8.0f} times")
    print(f"  simulation of {RUNS:,} runs   {slowest * scale:8.1f}   "
          f"{slowest * scale / ours:8.0f} times")  # fmt: skip
    print(f"  largest difference from the direct programme: {apart:.1e}")
    off = float(np.abs(chances - np.array(drawn)).max())
    print(f"  largest difference from the simulation: {off:.4f}")
    held = ours < 1.0 and apart < 1e-9 and off < 0.03
    print("promises held" if held else "A PROMISE IS BROKEN")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
