"""How fast is PPI++ on ten million rows, next to NumPy's mean of the same arrays and to ppi_py?

Prints the best of nine CPU times: waiting for a shared machine costs nothing. Linear algebra runs
on one thread. The peer, where `--peers PYTHON` names an interpreter that has ppi_py, runs in a
process of its own.

    python benchmarks/correction.py [--rows 10000000] [--labels 100000] [--peers /path/to/python]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402

DRAW = """
import numpy as np
def draw(rows, labels):
    rng = np.random.default_rng(1)
    f = rng.random(rows)
    y = f[:labels] + rng.normal(0, 0.1, labels)
    return y, f[:labels].copy(), f[labels:].copy()
"""

PEER = """
import time, sys
import ppi_py
y, f, u = draw({rows}, {labels})
best = 9e9
for _ in range(3):
    start = time.process_time()
    low, high = ppi_py.ppi_mean_ci(y, f, u, alpha=0.05)
    best = min(best, time.process_time() - start)
print(best, float(low[0]), float(high[0]))
"""


def best(work: Callable[[], object], times: int = 9) -> float:
    """The least CPU seconds."""
    found = []
    for _ in range(times):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--labels", type=int, default=100_000)
    parser.add_argument("--peers")
    options = parser.parse_args()

    from calibrant.judges.correction.ppi import ppi_mean

    space: dict[str, object] = {}
    exec(DRAW, space)
    y, f, u = space["draw"](options.rows, options.labels)  # type: ignore[operator]
    mean = best(lambda: (y.mean(), f.mean(), u.mean()))
    ours = best(lambda: ppi_mean(y, f, u))
    crossed = best(lambda: ppi_mean(y, f, u, lam="cross-fitted"))
    found = ppi_mean(y, f, u)
    print(f"{options.rows:,} rows, {options.labels:,} labels")
    print(f"numpy mean of the same arrays  {mean * 1e3:9.1f} ms")
    print(f"PPI++ interval                 {ours * 1e3:9.1f} ms  {ours / mean:6.1f} × the mean")
    print(
        f"PPI++ cross-fitted             {crossed * 1e3:9.1f} ms  {crossed / mean:6.1f} × the mean"
    )
    if options.peers:
        code = DRAW + PEER.format(rows=options.rows, labels=options.labels)
        run = subprocess.run(
            [options.peers, "-c", code], capture_output=True, text=True, check=False
        )
        if run.returncode:
            sys.exit(f"peer failed: {run.stderr.strip().splitlines()[-1]}")
        seconds, low, high = map(float, run.stdout.split())
        apart = float(np.max(np.abs([low - found.low, high - found.high])))
        what = "ppi_py ppi_mean_ci"
        print(f"{what:30} {seconds * 1e3:9.1f} ms  {seconds / mean:6.1f} × the mean")
        print(f"its limits and ours are apart by {apart:.1g}")


if __name__ == "__main__":
    main()
