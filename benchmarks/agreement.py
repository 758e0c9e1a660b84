"""How fast is Krippendorff's alpha with a bootstrap? Against loops of the package krippendorff.

2,000 resamples of items. The peer is looped twice: over the table of raters by items that people
have (NaN where a rater gave no label), and over counts per item made once beforehand, the least
work it can be asked for. It gets a few rounds, and its time is scaled up. Seconds are of CPU, all
threads together, the best of five. The alpha of the whole table must be the same.

    python benchmarks/agreement.py [VOTES.csv] [--column ratings] [--peers /path/to/python]

Without a table one of the shape of DICES-990 is made: 990 items with 69 to 76 votes of 3 kinds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from calibrant.judges.labels import as_labels
from calibrant.stats.agreement.estimate import bootstrapped, estimate
from calibrant.stats.agreement.ratios import alpha

DRAWS = 2000

PEER = """
import json, sys, time
import numpy as np, krippendorff
counts = np.load(sys.argv[1]); metric = sys.argv[2]
items, kinds = counts.shape
most = counts.sum(axis=1).max()
table = np.full((most, items), np.nan)
for i, row in enumerate(counts):
    said = np.repeat(np.arange(kinds), row)
    table[: said.size, i] = said
rng = np.random.default_rng(0)
domain = np.arange(kinds)
def one(): return krippendorff.alpha(value_counts=counts, value_domain=domain,
                                     level_of_measurement=metric)
def by_table():
    return krippendorff.alpha(reliability_data=table[:, rng.integers(0, items, items)],
                              level_of_measurement=metric)
def by_counts():
    return krippendorff.alpha(value_counts=counts[rng.integers(0, items, items)],
                              value_domain=domain, level_of_measurement=metric)
def clock(work, rounds):
    best = float("inf")  # the best of five: other work on the machine only ever adds
    for _ in range(5):
        start = time.process_time()
        for _ in range(rounds): work()
        best = min(best, (time.process_time() - start) / rounds)
    return best
print(json.dumps({"alpha": float(one()), "table": clock(by_table, 8),
                  "counts": clock(by_counts, 100)}))
"""


def made() -> np.ndarray:
    """Counts of the shape of DICES-990: a share of Y that differs from item to item."""
    rng = np.random.default_rng(1)
    votes = rng.integers(69, 77, 990)
    yes = rng.beta(1.2, 3.2, 990)
    return np.array([rng.multinomial(n, (0.95 * (1 - y), 0.05, 0.95 * y))
                     for n, y in zip(votes, yes, strict=True)])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("path", nargs="?", type=Path)
    parser.add_argument("--column", default="ratings")
    parser.add_argument("--peers", default=sys.executable, help="a Python with krippendorff")
    options = parser.parse_args()
    if options.path is None:
        counts = made()
        print("no table given: one of the shape of DICES-990 is made")
    else:
        counts = as_labels(options.path, votes=options.column).counts()
    print(f"{counts.sum():,} labels of {len(counts):,} items, {DRAWS:,} draws")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "counts.npy"
        np.save(file, counts)
        for metric in ("nominal", "ordinal", "interval"):
            values = np.arange(counts.shape[1], dtype=float)
            best = []
            for _ in range(5):
                start = time.process_time()
                ratio = alpha(counts, metric, values)
                found = bootstrapped(
                    estimate(ratio), ratio, draws=DRAWS, seed=0, level=0.95, cluster=None
                )
                best.append(time.process_time() - start)
            ours = min(best)
            run = subprocess.run(
                [options.peers, "-c", PEER, str(file), metric], capture_output=True, text=True
            )
            if run.returncode:
                print(f"{metric:9s} ours {ours:.4f} s; no peer: {run.stderr.strip()[-200:]}")
                continue
            peer = json.loads(run.stdout)
            assert abs(peer["alpha"] - found.value) < 1e-12, (peer["alpha"], found.value)
            table, least = peer["table"] * DRAWS, peer["counts"] * DRAWS
            print(
                f"{metric:9s} alpha {found.value:.6f}  ours {ours:.4f} s  krippendorff on its "
                f"table {table:.1f} s, ratio {table / ours:.0f}; on counts {least:.2f} s, ratio "
                f"{least / ours:.1f}"
            )


if __name__ == "__main__":
    main()
