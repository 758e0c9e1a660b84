"""How does calibrant's forecast compare with sloth, on the same held-out scores?

Sloth (Maia Polo and others, 2024, arXiv:2412.06540): a score is chance + (1 - chance) × sigmoid of
a few skills shared by all benchmarks; a skill is a family's own level plus one slope each of log
parameters, log tokens and their product; fitted by a smooth absolute error (0.01). Its code needs
PyTorch, so the model is made again here from the paper, in SciPy, with one to three skills, the
sigmoid as its link, and chance known. Sloth gives no distribution and no forecast of a family with
no known model. For log scores and coverage it gets what a user could add: a normal, cut at the
limits, as wide as its errors on the benchmark's largest known quarter when it is fitted to the rest
(or its residuals, where these are larger); for new families, the mean family's level.

    python benchmarks/sloth.py FOLDER      (with obsscaling/ and sloth/ in it)

Mean absolute errors, as in its paper, are of medians, and of sloth's own points. None of this was
used to choose anything.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from forecast_blind import LATER, OBSERVED, SCALE, SEEN, SLOTH
from scipy import optimize, special

from calibrant.scaling.backtests.cuts import cuts_of, read_rule
from calibrant.scaling.backtests.outcomes import combined, weights_then
from calibrant.scaling.backtests.run import try_out
from calibrant.scaling.forecast import default_zoo
from calibrant.scaling.predictive import Predictive
from calibrant.scaling.read import read_scores
from calibrant.scaling.scores import Scores
from calibrant.scaling.stacking.against import FLOOR, against

CHANCE = {"MMLU": 0.25, "ARC-C": 0.25, "HellaSwag": 0.25, "Winograd": 0.5, "TruthfulQA": 0.31,
          "XWinograd": 0.5, "GPQA": 0.25, "MMLU-PRO": 0.1, "BBH": 0.29, "MUSR": 0.34}  # fmt: skip
"""As sloth sets them; 0 for others."""
STARTS = 4
Sizes = dict[str, tuple[float, float]]


def sloth(known: Scores, at: Scores, sizes: Sizes, skills: int, seed: int = 0) -> Predictive:
    """Its forecast of `at`, with normal errors as large as those it made on what is known."""
    edge = np.quantile(known.scale, 0.75)
    early = known.take(known.scale <= edge)
    late = known.take((known.scale > edge) & np.isin(known.family, early.families))
    missed = np.abs(points(early, late, sizes, skills, seed) - late.score)
    rest = np.abs(points(known, known, sizes, skills, seed) - known.score)
    spread = np.array([
        max(np.sqrt((e[of.measure == v] ** 2).mean()) if (of.measure == v).any() else 0.0
            for e, of in ((missed, late), (rest, known)))
        for v in at.measure
    ])  # fmt: skip
    place = points(known, at, sizes, skills, seed)
    return Predictive.of(place, np.maximum(spread, 1e-3), low=at.low, high=at.high)


def points(known: Scores, at: Scores, sizes: Sizes, skills: int, seed: int) -> np.ndarray:
    """What it says of `at`, one number a score."""
    rng = np.random.default_rng(seed)
    measures, families = list(known.measures), list(known.families)
    x, there = _inputs(known, sizes), _inputs(at, sizes)
    mean, sd = x.mean(axis=0), x.std(axis=0)
    x, there = (x - mean) / sd, (there - mean) / sd
    m = np.array([measures.index(v) for v in known.measure])
    f = np.array([families.index(v) for v in known.family])
    low = np.array([CHANCE.get(v, 0.0) for v in measures])
    shapes = ((3, skills), (len(families), skills), (skills, len(measures)), (len(measures),))
    ends = np.cumsum([int(np.prod(s)) for s in shapes])[:-1]

    def parts(p: np.ndarray) -> list[np.ndarray]:
        return [q.reshape(s) for q, s in zip(np.split(p, ends), shapes, strict=True)]

    def loss(p: np.ndarray) -> tuple[float, np.ndarray]:
        slope, level, load, middle = parts(p)
        skill = x @ slope + level[f]
        share = special.expit((skill * load.T[m]).sum(axis=1) + middle[m])
        r = low[m] + (1 - low[m]) * share - known.score
        size = np.abs(r)
        total = np.where(size < 0.01, r * r / 0.02, size - 0.005).mean()
        g = np.clip(r / 0.01, -1, 1) / r.size * (1 - low[m]) * share * (1 - share)
        d_skill = g[:, None] * load.T[m]
        d_level, d_load = np.zeros_like(level), np.zeros_like(load.T)
        np.add.at(d_level, f, d_skill)
        np.add.at(d_load, m, g[:, None] * skill)
        d_middle = np.bincount(m, weights=g, minlength=len(measures))
        parts_ = (x.T @ d_skill, d_level, d_load.T, d_middle)
        return float(total), np.concatenate([q.ravel() for q in parts_])

    found = min(
        (optimize.minimize(loss, rng.normal(size=sum(map(np.prod, shapes))) * 0.5, jac=True,
                           method="L-BFGS-B", options={"maxiter": 3000}) for _ in range(STARTS)),
        key=lambda r: r.fun,
    )  # fmt: skip
    slope, level, load, middle = parts(found.x)

    own = dict(zip(families, level, strict=True))
    base = np.array([own.get(v, level.mean(axis=0)) for v in at.family])
    k = np.array([measures.index(v) for v in at.measure])
    share = special.expit(((there @ slope + base) * load.T[k]).sum(axis=1) + middle[k])
    return np.asarray(low[k] + (1 - low[k]) * share)


def _inputs(of: Scores, sizes: Sizes) -> np.ndarray:
    size, tokens = np.log(np.array([sizes[str(s)] for s in of.subject])).T
    return np.column_stack([size, tokens, size * tokens])


def read(path: Path, size: str, target: list[str], keep: pl.Expr) -> tuple[Scores, Sizes]:
    """Scores of models whose parameters and tokens are known, and these."""
    tokens = "Pretraining Data Size (T)"
    table = pl.read_csv(path, infer_schema_length=None).filter(
        keep & pl.col(size).is_not_null() & pl.col(tokens).is_not_null()
    )
    family = "Family" if "Family" in table.columns else "Model Family"
    found = read_scores(table, target=target, scale=SCALE, family=family, subject="Model",
                        limits=(0, 1))  # fmt: skip
    sizes = {str(m): (float(s), float(t)) for m, s, t in table.select("Model", size, tokens).rows()}
    return found.take(np.isfinite(found.score) & np.isfinite(found.scale)), sizes


def compare(scores: Scores, sizes: Sizes, cut: str) -> None:
    """Every model of calibrant, its stack and sloth beyond one cut, printed."""
    zoo, rule = default_zoo(), read_rule(cut)
    names = [m.name for m in zoo]
    trials = try_out(zoo, scores, cuts_of(scores, rule))
    last = trials[-1]
    known, at = scores.take(last.cut.known), scores.take(last.rows)
    share = weights_then(scores, trials, names, rule, len(trials) - 1)
    stack = combined(last.said, names, share)
    assert stack is not None
    said = {
        "calibrant, stack": stack[0],
        "calibrant, hierarchy": last.said.forecasts["hierarchy"][0],
    }
    spent = {}
    for skills in (1, 2, 3):
        begun = time.process_time()
        name = f"sloth, {skills} skill{'s' if skills > 1 else ''}"
        said[name] = sloth(known, at, sizes, skills)
        spent[name] = time.process_time() - begun
    print(f"\n{cut}: {len(known)} scores known, {len(at)} later")
    for title, rows in (("families known then", ~last.stranger), ("new families", last.stranger)):
        if not rows.any():
            continue
        some = at.take(rows)
        log = {k: np.maximum(p.take(rows).log_density(some.score), FLOOR) for k, p in said.items()}
        print(f"\n{title}, {len(some)} scores of {len(some.families)} families")
        print("| | mean abs. error | coverage | width | log score | stack against it |")
        print("|---|---|---|---|---|---|")
        for name, p in said.items():
            one = p.take(rows)
            low, high = one.interval(0.9)
            held = (low <= some.score) & (some.score <= high)
            found = against(name, log["calibrant, stack"], log[name], some.family)
            point = one.location[0] if name.startswith("sloth") else one.quantile(0.5)
            print(f"| {name} | {np.abs(point - some.score).mean():.3f} | "
                  f"{held.mean():.2f} | {(high - low).mean():.2f} | {log[name].mean():+.2f} | "
                  f"{_said(found.difference, found.low, found.high)} |")  # fmt: skip
    print("  " + ", ".join(f"{k}: {v:.1f} CPU seconds" for k, v in spent.items()), flush=True)


def _said(difference: float | None, low: float | None, high: float | None) -> str:
    if difference is None or low is None or high is None:
        return ""
    return f"{difference:+.2f} ({low:+.2f} to {high:+.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    seen = pl.col("Model Family").is_in(list(SEEN)) & ~pl.col("Model").is_in(list(LATER))
    tables: tuple[tuple[str, Callable[[], tuple[Scores, Sizes]]], ...] = (
        ("observational scaling, 77 models", lambda: read(
            folder / "obsscaling" / "base_llm_benchmark_eval.csv", "Model Size (B)", OBSERVED, seen
        )),
        ("sloth, base models", lambda: read(
            folder / "sloth" / "data_v2.csv", "#Params (B)", SLOTH, ~pl.col("Instruct")
        )),
    )  # fmt: skip
    for title, make in tables:
        scores, sizes = make()
        print(f"\n## {title}: {len(scores)} scores")
        compare(scores, sizes, "scale<=8.4e22")


if __name__ == "__main__":
    main()
