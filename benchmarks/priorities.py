"""How long does it take to analyse a survey? Against statsmodels' OrderedModel.

Every respondent rates every one of 105 areas on two questions, which is the most that can be. Ours
checks the ratings table, fits the model with raters' severity and pooled categories, and integrates
over how far they differ, to 4,000 posterior draws. The peer fits one question with areas as fixed
effects and without severity, given the design matrix; it gets few respondents, as its time grows
beyond measure. Seconds are of CPU, all threads together.

    OMP_NUM_THREADS=1 python benchmarks/priorities.py [--respondents N] [--peers /path/to/python]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

import numpy as np
import polars as pl

from calibrant.priorities import as_ratings, fit_ratings

AREAS = [f"{c + 1}{chr(97 + a)}" for c in range(20) for a in range(5 + (c >= 15))]
FEW = 60

PEER = """
import json, sys, time
import numpy as np
from statsmodels.miscmodels.ordinal_model import OrderedModel
few, many = int(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(0)
area = np.tile(np.arange(many), few)
latent = 0.5 * rng.standard_normal(many)[area] + np.repeat(0.6 * rng.standard_normal(few), many)
answer = np.searchsorted([-2, -1.2, -0.3, 0.8], latent + rng.standard_normal(area.size))
design = (area[:, None] == np.arange(1, many)).astype(float)
start = time.process_time()
model = OrderedModel(answer, design, distr="probit").fit(method="bfgs", disp=False, maxiter=500)
print(json.dumps({"seconds": time.process_time() - start}))
"""


def made(respondents: int) -> pl.DataFrame:
    """A ratings table in which everyone rated everything."""
    rng = np.random.default_rng(0)
    areas = len(AREAS)
    category = np.array([int("".join(x for x in a if x.isdigit())) - 1 for a in AREAS])
    score = 0.3 * rng.standard_normal((20, 2))[category] + 0.4 * rng.standard_normal((areas, 2))
    severity = 0.6 * rng.standard_normal((respondents, 2))
    latent = score[None] + severity[:, None] + rng.standard_normal((respondents, areas, 2))
    value = 1 + np.searchsorted([-2, -1.2, -0.3, 0.8], latent.ravel())
    names = [f"r{i:06d}" for i in range(respondents)]
    return pl.DataFrame({
        "respondent": np.repeat(names, areas * 2),
        "area": np.tile(np.repeat(AREAS, 2), respondents),
        "question": np.tile(["importance", "tractability"], respondents * areas),
        "value": value.astype(float),
    })  # fmt: skip


def clock(respondents: int) -> float:
    table = made(respondents)
    start = time.process_time()
    ratings = as_ratings(table)
    read = time.process_time() - start
    fit = fit_ratings(ratings)
    whole = time.process_time() - start
    width = np.mean([d.std(axis=0).mean() for d in fit.posterior.draws.values()])
    print(
        f"{respondents:,} respondents × {len(AREAS)} areas × 2 questions: {whole:.1f} s, of which "
        f"{read:.1f} s to check the table; mean posterior sd {width:.4f}"
    )
    return whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--respondents", type=int, default=10_000)
    parser.add_argument("--peers", default=sys.executable, help="a Python with statsmodels")
    options = parser.parse_args()
    clock(options.respondents)
    ours = clock(FEW)
    run = subprocess.run(
        [options.peers, "-c", PEER, str(FEW), str(len(AREAS))], capture_output=True, text=True
    )
    if run.returncode:
        print(f"no peer: {run.stderr.strip()[-200:]}")
        return
    peer = json.loads(run.stdout)["seconds"]
    print(
        f"statsmodels, {FEW} respondents × {len(AREAS)} areas × 1 question, without severity: "
        f"{peer:.1f} s, ratio {peer / ours:.0f}"
    )


if __name__ == "__main__":
    main()
