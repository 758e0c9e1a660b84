"""How far off is a full score predicted from few items? LiveBench, ours and the peers' rules.

84 models by 864 items. Models are held out at random (17 each time) or by whole families; every
method sees the others alone. Mean absolute error of the predicted mean over all items, at 10, 25,
50 and 100 items. Peers are re-implemented in a few lines each:

- random sample: the mean of items drawn at random;
- random + 2PL (p-IRT), anchors + p-IRT, anchors + gp-IRT: tinyBenchmarks (Maia Polo et al. 2024),
  anchors by k-means of items' answers, with one ability;
- max information: the 2PL item of most Fisher information (Fluid benchmarking, ATLAS, catsim);
- subset + ridge: the best of 200 random subsets by cross-validated ridge (metabench's first step);
- average: the average of the calibration models.

    python benchmarks/shorter.py LIVEBENCH_BLOCK.csv LIVEBENCH_ITEMS.csv [--splits 8]
"""

from __future__ import annotations

import argparse
import re
import time
from collections import defaultdict

import numpy as np
import polars as pl
from scipy.cluster.vq import kmeans2
from scipy.special import expit

from calibrant.quality.shorter.factors import Factors, fit_factors
from calibrant.quality.shorter.forms import form_order, wrong_way
from calibrant.quality.shorter.posterior import cloud_of, posterior_of
from calibrant.quality.shorter.trial import Walk

SIZES = np.array([10, 25, 50, 100])
STEPS = np.array([*range(1, 51), *range(55, 101, 5)])
FAMILIES = (
    ("qwen", "qwen"), ("phi", "phi"), ("gpt", "gpt|o1-"), ("claude", "claude"),
    ("gemini", "gemini"), ("gemma", "gemma"), ("deepseek", "deepseek"), ("command", "command"),
    ("grok", "grok"), ("mistral", "mistral|starling|mathstral|zephyr|hermes-2|openhermes"),
    ("llama", "llama|vicuna|hermes|reflection"),
)  # fmt: skip


def family_of(name: str) -> str:
    """By patterns in the name, the first that fits."""
    return next((f for f, p in FAMILIES if re.search(p, name.lower())), name)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("block")
    parser.add_argument("items")
    parser.add_argument("--splits", type=int, default=8)
    given = parser.parse_args()
    table, about = pl.read_csv(given.block), pl.read_csv(given.items)
    names, items = table["model"].to_list(), table.columns[1:]
    scores = table.select(items).to_numpy().astype(float)
    kind = dict(zip(about["question_id"], about["category"], strict=True))
    groups = np.unique([kind[i] for i in items], return_inverse=True)[1]
    family = np.array([family_of(n) for n in names])
    for what in ("models at random", "whole families"):
        errors: dict[str, list[np.ndarray]] = defaultdict(list)
        begin = time.process_time()
        for seed in range(given.splits):
            rng = np.random.default_rng(seed)
            out = held_out(family, rng, by_family=what == "whole families")
            one_split(scores, groups, out, rng, errors)
        print(f"\n{what} held out, {given.splits} splits, {time.process_time() - begin:.0f} CPU s")
        print(f"{'items':26}" + "".join(f"{n:>9}" for n in SIZES))
        for method, found in errors.items():
            print(f"{method:26}" + "".join(f"{e:9.4f}" for e in np.mean(found, axis=0)))


def held_out(family: np.ndarray, rng: np.random.Generator, *, by_family: bool) -> np.ndarray:
    """Models to predict: 17 at random, or families until there are at least 15."""
    if not by_family:
        return rng.choice(len(family), 17, replace=False)
    chosen: list[int] = []
    for name in rng.permutation(np.unique(family)):
        rows = np.flatnonzero(family == name)
        if len(chosen) + len(rows) <= 20:
            chosen += rows.tolist()
        if len(chosen) >= 15:
            break
    return np.array(chosen)


def one_split(scores, groups, out, rng, errors) -> None:
    """Adds |error| at each size for each model held out, method by method."""
    kept = np.setdiff1d(np.arange(len(scores)), out)
    known, size = scores[kept], scores.shape[1]
    worth = np.full(size, 1.0 / size)
    ours, single = fit_factors(known, 3, groups), fit_factors(known, 1)
    plain = Factors(single.mean, np.zeros_like(single.covariance), np.ones(size))
    cloud = cloud_of(ours)
    order = form_order(ours, cloud, worth, 100, barred=wrong_way(cloud, worth))
    anchors = {int(n): anchors_of(known, int(n), rng) for n in SIZES}
    subsets = {int(n): subset_ridge(known, int(n), rng) for n in SIZES}
    for i in out:
        x, truth = scores[i], scores[i].mean()
        walk = Walk(ours, x, worth, {})
        at = np.searchsorted(STEPS, SIZES)
        errors["adaptive"].append(np.abs(walk.adapted(STEPS)[0][at]))
        errors["short form"].append(np.abs(walk.in_order(order, SIZES)[0]))
        errors["short form, by hand"].append(np.abs(walk.by_hand(order, SIZES)[0]))
        drawn = rng.permutation(size)
        errors["random, our model"].append(np.abs(walk.in_order(drawn, SIZES)[0]))
        peer = Walk(plain, x, worth, {})
        errors["max information, 2PL"].append(np.abs(max_information(peer, plain)))
        errors["random + 2PL (p-IRT)"].append(np.abs(peer.in_order(drawn, SIZES)[0]))
        rows = []
        for n in SIZES:
            chosen, share = anchors[int(n)]
            weighted = float(share @ x[chosen])
            model = posterior_of(plain, peer.cloud, worth, np.sort(chosen), x[np.sort(chosen)])
            # gp-IRT's mixture, with the weight of the anchors' mean growing with their number.
            lam = n / (n + 50.0)
            rows.append([weighted, model.value, lam * weighted + (1 - lam) * model.value])
        for k, name in enumerate(("anchors", "anchors + p-IRT", "anchors + gp-IRT")):
            errors[name].append(np.abs([row[k] - truth for row in rows]))
        errors["subset + ridge"].append(
            np.abs([b + w @ x[s] - truth for s, w, b in subsets.values()])
        )
        errors["random sample"].append(np.abs([x[drawn[:n]].mean() - truth for n in SIZES]))
        errors["average"].append(np.full(len(SIZES), abs(known.mean() - truth)))


def max_information(walk: Walk, factors: Factors) -> np.ndarray:
    """The item of most Fisher information at the mean ability so far; full score by the 2PL."""
    intercept, slope = factors.mean.T
    asked: list[int] = []
    errors = []
    now = walk.posterior(np.zeros(0, np.int64))
    for step in range(1, int(SIZES[-1]) + 1):
        p = expit(intercept + slope * float(now.weight @ now.cloud.places[:, 0]))
        information = slope**2 * p * (1 - p)
        information[asked] = -1.0
        asked.append(int(np.argmax(information)))
        now = walk.posterior(np.array(asked))
        if step in SIZES:
            errors.append(now.value - walk.truth)
    return np.array(errors)


def anchors_of(known, n, rng):
    """Items nearest to the centres of clusters of items, and the clusters' shares."""
    centres, label = kmeans2(known.T, n, minit="++", iter=20, rng=rng)
    chosen, share = [], []
    for c in range(n):
        rows = np.flatnonzero(label == c)
        if rows.size:
            off = np.square(known.T[rows] - centres[c]).sum(axis=1)
            chosen.append(int(rows[np.argmin(off)]))
            share.append(rows.size / known.shape[1])
    return np.array(chosen), np.array(share)


def subset_ridge(known, n, rng):
    """The best of 200 random subsets, by leave-one-out error of a ridge on the total."""
    total = known.mean(axis=1)
    best = (np.inf, None)
    for _ in range(200):
        s = rng.choice(known.shape[1], n, replace=False)
        x = known[:, s]
        mean = x.mean(axis=0)
        off = x - mean
        for penalty in (1.0, 3.0, 10.0):
            hat = off @ np.linalg.solve(off.T @ off + penalty * np.eye(n), off.T)
            left = (total - total.mean() - hat @ (total - total.mean())) / (
                1.0 - np.diag(hat) - 1.0 / len(total)
            )
            if np.abs(left).mean() < best[0]:
                w = np.linalg.solve(off.T @ off + penalty * np.eye(n), off.T @ total)
                best = (np.abs(left).mean(), (s, w, total.mean() - w @ mean))
    return best[1]


if __name__ == "__main__":
    main()
