"""How many answers does adaptive asking save? Simulated surveys, asked by each strategy.

Run: python benchmarks/asking.py [SURVEYS] [CATEGORIES CHOSEN]

Each survey has 53 raters who are asked about five areas each, in three batches, and is asked again
at random with more areas each, which shows how many answers a strategy is worth.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from calibrant.priorities.asking.choose import Rules
from calibrant.priorities.asking.simulate import run
from calibrant.priorities.asking.worth import STRATEGIES
from calibrant.priorities.ranks.simulate import Experts

PER = 5


def main(surveys: int = 40, chosen: float = 4.0) -> None:
    """Print mean regret by strategy, each with its difference from asking at random."""
    ways = [(s, PER) for s in STRATEGIES] + [("random", PER + 2), ("random", PER + 4)]
    found: dict[tuple[str, int], list[tuple[float, float]]] = {w: [] for w in ways}
    begun = time.process_time()
    for seed in range(surveys):
        panel = Experts(chosen=chosen).draw(seed)
        for way in ways:
            done = run(panel, Rules(per=way[1], strategy=way[0]), batch=18, seed=seed)
            found[way].append((float(done.answers[-1]), float(done.regret[-1])))
    base = np.array(found["random", PER])[:, 1]
    print(f"{surveys} surveys, {chosen:g} categories chosen, {time.process_time() - begun:.0f} s")
    for (strategy, per), rows in found.items():
        answers, regret = np.array(rows).T
        change = regret - base
        error = change.std(ddof=1) / surveys**0.5
        print(
            f"{strategy:12} {per} each: {answers.mean():5.0f} areas asked, regret "
            f"{regret.mean():.3f} per area, {change.mean():+.3f} ± {error:.3f} against random",
            flush=True,
        )


if __name__ == "__main__":
    main(*(f(x) for f, x in zip((int, float), sys.argv[1:], strict=False)))
