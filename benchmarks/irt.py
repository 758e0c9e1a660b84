"""How fast are item response models fitted, in how much memory, and how well are they recovered?

2PL responses of 100 × 1,000, 1,000 × 5,000 and 5,000 × 10,000 subjects by items are drawn (slopes
lognormal(0, 0.3), difficulties and abilities standard normal) and fitted, each in a fresh process
with one thread. Seconds are of CPU and include starting values, standard errors of every parameter
and the check on a finer grid; peak memory includes the responses (one byte a cell) and the imports.
Peers are given the same responses, without standard errors where they can be left out; one that
is not installed, or not done after --limit seconds, is said so.

    python benchmarks/irt.py [--peers /path/to/python] [--sizes 100x1000,1000x5000,5000x10000]
        [--limit 900] [--only mirt,girth]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

OURS = """
import json, resource, sys, time
import numpy as np
from calibrant.quality.models.fit import fit_bank
x = np.load(sys.argv[1])
start = time.process_time()
f = fit_bank(x, "2pl")
seconds = time.process_time() - start
print(json.dumps({"seconds": seconds, "items": [int(i.split()[1]) - 1 for i in f.bank.items],
    "a": f.bank.discrimination.tolist(), "b": f.bank.difficulty[:, 0].tolist(),
    "ability": f.ability.tolist(), "log_likelihood": f.log_likelihood,
    "verdict": f.adequacy.verdict, "passes": f.adequacy.iterations,
    "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000}))
"""

MIRT = """
import json, resource, sys, time
import numpy as np, mirt
x = np.load(sys.argv[1]).astype(np.int64)
keep = np.flatnonzero((x.mean(0) > 0) & (x.mean(0) < 1))
x = x[:, keep]
start = time.process_time()
f = mirt.fit_mirt(x, model="2PL", compute_standard_errors=False)
seconds = time.process_time() - start
a = np.asarray(f.model.parameters["discrimination"]).reshape(-1)
b = np.asarray(f.model.parameters["difficulty"]).reshape(-1)
print(json.dumps({"seconds": seconds, "items": keep.tolist(), "a": a.tolist(), "b": b.tolist(),
    "ability": None, "log_likelihood": float(f.log_likelihood),
    "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000}))
"""

GIRTH = """
import json, resource, sys, time
import numpy as np, girth
x = np.load(sys.argv[1]).astype(np.int64)
keep = np.flatnonzero((x.mean(0) > 0) & (x.mean(0) < 1))
x = np.ascontiguousarray(x[:, keep].T)
girth.twopl_mml(x[:5, :50])  # compile what it compiles
start = time.process_time()
f = girth.twopl_mml(x)
seconds = time.process_time() - start
print(json.dumps({"seconds": seconds, "items": keep.tolist(),
    "a": np.asarray(f["Discrimination"]).tolist(), "b": np.asarray(f["Difficulty"]).tolist(),
    "ability": np.asarray(f["Ability"]).tolist(), "log_likelihood": None,
    "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000}))
"""


def made(people: int, items: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Responses of one byte a cell, abilities, slopes and difficulties."""
    rng = np.random.default_rng(0)
    ability = rng.normal(size=people)
    a, b = rng.lognormal(0, 0.3, items), rng.normal(size=items)
    x = np.empty((people, items), np.int8)
    for i in range(people):
        x[i] = rng.random(items) < 1 / (1 + np.exp(-a * (ability[i] - b)))
    return x, ability, a, b


def ran(python: str, script: str, file: Path, limit: float) -> dict | str:
    """What a fresh process with one thread reports, or why there is nothing."""
    one = {f"{n}_NUM_THREADS": "1" for n in ("OMP", "OPENBLAS", "MKL", "RAYON", "NUMBA")}
    try:
        run = subprocess.run(
            [python, "-W", "ignore", "-c", script, str(file)], capture_output=True, text=True,
            timeout=limit, env=os.environ | one,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"not done after {limit:g} s"
    if run.returncode:
        return run.stderr.strip().split("\n")[-1][-150:] or f"exit code {run.returncode}"
    return json.loads(run.stdout.strip().split("\n")[-1])


def errors(found: dict, ability: np.ndarray, a: np.ndarray, b: np.ndarray) -> str:
    """Root mean square errors, and those on a scale on which the drawn abilities have mean 0 and
    standard deviation 1: without the error of drawing the subjects, which no method can avoid."""
    mean, sd = float(ability.mean()), float(ability.std())
    own = _errors(found, (ability - mean) / sd, a * sd, (b - mean) / sd)
    return f"errors: {_errors(found, ability, a, b)} (on the subjects' own scale: {own})"


def _errors(found: dict, ability: np.ndarray, a: np.ndarray, b: np.ndarray) -> str:
    kept = np.array(found["items"])
    said = []
    for name, est, true in (("difficulty", found["b"], b[kept]), ("slope", found["a"], a[kept])):
        said.append(f"{name} {np.sqrt(np.mean((np.array(est) - true) ** 2)):.3f}")
    if found["ability"] is not None:
        said.append(f"ability {np.sqrt(np.mean((np.array(found['ability']) - ability) ** 2)):.3f}")
    return ", ".join(said)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peers", default=sys.executable, help="a Python with mirt or girth")
    parser.add_argument("--sizes", default="100x1000,1000x5000,5000x10000")
    parser.add_argument("--only", default="mirt,girth", help="peers to run; none for no peer")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds a peer may take")
    options = parser.parse_args()
    peers = {"mirt": MIRT, "girth": GIRTH}
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes.split(","):
            people, items = (int(n) for n in size.split("x"))
            x, ability, a, b = made(people, items)
            file = Path(folder) / f"{size}.npy"
            np.save(file, x)
            ours = ran(sys.executable, OURS, file, options.limit)
            if isinstance(ours, str):
                print(f"{size}: {ours}")
                continue
            print(
                f"{size}: calibrant {ours['seconds']:.2f} CPU-s, {ours['memory']:,.0f} MB, "
                f"log likelihood {ours['log_likelihood']:,.3f}, {ours['passes']} passes, "
                f"{ours['verdict']}; {errors(ours, ability, a, b)}",
                flush=True,
            )
            for name in options.only.split(","):
                if name not in peers:
                    continue
                peer = ran(options.peers, peers[name], file, options.limit)
                if isinstance(peer, str):
                    print(f"  {name}: {peer}", flush=True)
                    continue
                value = peer["log_likelihood"]
                print(
                    f"  {name} {peer['seconds']:.2f} CPU-s, ratio "
                    f"{peer['seconds'] / ours['seconds']:.0f}; {peer['memory']:,.0f} MB, ratio "
                    f"{peer['memory'] / ours['memory']:.1f}; "
                    + ("" if value is None else f"log likelihood {value:,.3f}; ")
                    + errors(peer, ability, a, b),
                    flush=True,
                )


if __name__ == "__main__":
    main()
