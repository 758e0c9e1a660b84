"""How fast are ratings? Ten million comparisons of 100 subjects, against evalica and arena-rank.

Prints CPU seconds. calibrant: from a table to Davidson's strengths with their sandwich, then 100
rounds of the bootstrap. Peers, where `--peers PYTHON` names an interpreter that has them: each in a
process of its own with a time limit, on as many rows as that allows, its time scaled up linearly.
All start from the same columns of whole numbers; turning outcomes into what a peer wants is
counted, as is checking for calibrant. Linear algebra runs on one thread: waiting costs nothing.

    python benchmarks/ratings.py [--rows 10000000] [--peers /path/to/python] [--limit 120]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import tracemalloc

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

SUBJECTS = 100

DRAW = """
import numpy as np
def draw(rows, subjects):
    rng = np.random.default_rng(1)
    strengths = rng.normal(0, 1, subjects)
    left = rng.integers(0, subjects, rows, dtype=np.int32)
    right = ((left + rng.integers(1, subjects, rows)) % subjects).astype(np.int32)
    chance = 1 / (1 + np.exp(strengths[right] - strengths[left]))
    won = (rng.random(rows) >= chance).astype(np.int32)
    outcome = np.where(rng.random(rows) < 0.2, 2, won).astype(np.int32)
    return left, right, outcome
"""

PEERS = {
    "evalica fit": """
import evalica, pandas as pd
from evalica import Winner
table = pd.DataFrame({"l": left, "r": right})
start = time.process_time()
w = pd.Series(np.array([Winner.X, Winner.Y, Winner.Draw], dtype=object)[outcome])
evalica.bradley_terry(table.l, table.r, w)
""",
    "evalica bootstrap": """
import evalica, pandas as pd
from evalica import Winner
table = pd.DataFrame({"l": left, "r": right})
start = time.process_time()
w = pd.Series(np.array([Winner.X, Winner.Y, Winner.Draw], dtype=object)[outcome])
evalica.bootstrap(evalica.bradley_terry, table.l, table.r, w, n_resamples=100)
""",
    "arena-rank fit": """
import pandas as pd
from arena_rank.utils.data_utils import PairDataset
from arena_rank.models.bradley_terry import BradleyTerry
table = pd.DataFrame({"model_a": left, "model_b": right})
start = time.process_time()
table["winner"] = np.array(["model_a", "model_b", "tie"], dtype=object)[outcome]
data = PairDataset.from_pandas(table)
BradleyTerry(n_competitors=len(data.competitors)).compute_ratings_and_cis(data)
""",
    "arena-rank bootstrap": """
import multiprocessing, pandas as pd
from arena_rank.utils.data_utils import PairDataset
from arena_rank.models.bradley_terry import BradleyTerry
table = pd.DataFrame({"model_a": left, "model_b": right})
table["winner"] = np.array(["model_a", "model_b", "tie"], dtype=object)[outcome]
multiprocessing.set_start_method("spawn", force=True)
import resource
start = time.process_time() + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
data = PairDataset.from_pandas(table)
model = BradleyTerry(n_competitors=len(data.competitors))
model.compute_ratings_and_cis(data, ci_method="bootstrap", num_bootstrap=100, n_jobs=1)
start -= sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
""",
}


def peer(python: str, name: str, rows: int, limit: float) -> tuple[int, float] | None:
    """Rows that were possible and CPU seconds they took; None if not even ten thousand were."""
    while rows >= 10_000:
        code = (
            f"import time\n{DRAW}\nif __name__ == '__main__':\n"
            f"    left, right, outcome = draw({rows}, {SUBJECTS})\n"
            + "".join(f"    {line}\n" for line in PEERS[name].splitlines())
            + "    print('seconds', time.process_time() - start)\n"
        )
        try:
            done = subprocess.run(
                [python, "-c", code], capture_output=True, text=True, timeout=limit, check=False
            )
        except subprocess.TimeoutExpired:
            rows //= 10
            continue
        lines = [x for x in done.stdout.splitlines() if x.startswith("seconds")]
        if not lines and "MemoryError" in done.stderr:
            rows //= 10
            continue
        if not lines:
            print(f"{name}: failed: {(done.stderr.strip().splitlines() or ['?'])[-1][:200]}")
            return None
        return rows, float(lines[0].split()[1])
    return None


def ours(rows: int) -> dict[str, float]:
    """CPU seconds of each form of the table, and memory beyond it."""
    import numpy as np
    import polars as pl

    from calibrant.ratings.counts import count_blocks
    from calibrant.ratings.fit import fit
    from calibrant.ratings.uncertainty.bootstrap import bootstrap
    from calibrant.ratings.uncertainty.covariance import sandwich
    from calibrant.records import read_comparisons

    space: dict[str, object] = {}
    exec(DRAW, space)
    left, right, outcome = space["draw"](rows, SUBJECTS)  # type: ignore[operator]
    table = pl.DataFrame({"left": left, "right": right, "winner": outcome})
    found: dict[str, float] = {"input MB": table.estimated_size() / 1e6}

    def whole(source: pl.DataFrame) -> object:
        data = read_comparisons(source)
        fitted = fit(count_blocks(data.blocks(), names=data.names), "davidson")
        sandwich(fitted)
        return fitted

    whole(table.head(1000 * SUBJECTS))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    fitted = whole(table)
    found["integers"] = time.process_time() - start
    found["peak growth MB"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3
    tracemalloc.start()
    whole(table)
    found["peak arrays MB"] = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    start = time.process_time()
    bootstrap(fitted, rounds=100)  # type: ignore[arg-type]
    found["100 bootstrap rounds"] = time.process_time() - start
    words = pl.Series("winner", np.array(["left", "right", "tie"])[outcome])
    text = table.select(pl.col("left", "right").cast(pl.String), words)
    coded = text.cast(pl.Categorical)
    start = time.process_time()
    whole(coded)
    found["categories"] = time.process_time() - start
    start = time.process_time()
    text.select(pl.all().cast(pl.Categorical))
    found["encoding strings alone"] = time.process_time() - start
    start = time.process_time()
    whole(text)
    found["strings"] = time.process_time() - start
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--peers")
    parser.add_argument("--limit", type=float, default=120.0)
    options = parser.parse_args()
    found = ours(options.rows)
    print(json.dumps({k: round(v, 4) for k, v in found.items()}, indent=1))
    if not options.peers:
        return
    for name in PEERS:
        done = peer(options.peers, name, options.rows, options.limit)
        if done is None:
            print(f"{name}: did not finish")
            continue
        rows, seconds = done
        scaled = seconds * options.rows / rows
        mine = found["100 bootstrap rounds" if "bootstrap" in name else "integers"]
        print(f"{name}: {seconds:.2f} s for {rows:,} rows, {scaled:.1f} s for all; "
              f"{scaled / mine:.0f} times calibrant's {mine:.3f} s")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
