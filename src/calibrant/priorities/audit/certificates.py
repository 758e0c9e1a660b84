"""Is an honest table ever accused, is a misprint found, and do areas lie in their intervals?"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from calibrant.priorities.audit.audit import audit_table
from calibrant.priorities.audit.simulate import QUESTIONS, Printed, honest, planted
from calibrant.priorities.tables.model import (
    correlation,
    draw_prior,
    mean_rating,
)
from calibrant.priorities.tables.posterior import table_posterior
from calibrant.priorities.tables.printed import decimal, rounded
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

Floats = NDArray[np.float64]


def _grim(table: Printed) -> set[int]:
    """Rows whose means are no sum over n, each mean alone and n taken at its word."""
    found = set()
    for i, n in enumerate(table.columns["n"]):
        for q in QUESTIONS:
            cell = table.columns[q][i]
            digits = len(cell.partition(".")[2])
            total = round(float(cell) * int(n))
            near = [f"{(total + d) / int(n):.{digits}f}" for d in (-1, 0, 1)]
            if cell not in near:
                found.add(i)
    return found


def _recomputed(table: Printed) -> set[int]:
    """Rows whose product is not that of the printed means."""
    found = set()
    for i, cell in enumerate(table.columns["promise"]):
        a, b = (float(table.columns[q][i]) for q in QUESTIONS)
        digits = len(cell.partition(".")[2])
        if f"{a * b:.{digits}f}" != cell:
            found.add(i)
    return found


def _honest(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    flagged, grim, product = [], [], []
    for _ in range(draws):
        table = honest(regime, rng)
        found = audit_table(table.columns, scale=(1, int(regime["scale"])))
        flagged.append(bool(found.contradictions))
        grim.append(bool(_grim(table)))
        product.append(bool(_recomputed(table)))
    return {
        "flagged": float(np.mean(flagged)),
        "grim flagged": float(np.mean(grim)),
        "recomputed flagged": float(np.mean(product)),
    }


def _planted(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    tally: dict[str, list[bool]] = {}
    for _ in range(draws):
        table = planted(regime, rng)
        row = table.planted
        assert row is not None
        found = audit_table(table.columns, scale=(1, int(regime["scale"])))
        accused = {a for f in found.contradictions for a in f.areas}
        ours = {i for i, a in enumerate(table.columns["area"]) if a in accused}
        conditional = row in ours or found.rows[row].verdict != "fits"
        tally.setdefault("found or conditional", []).append(conditional)
        for name, rows in (("", ours), ("grim ", _grim(table)),
                           ("recomputed ", _recomputed(table))):  # fmt: skip
            tally.setdefault(f"{name}found", []).append(row in rows)
            tally.setdefault(f"{name}another row accused", []).append(bool(rows - {row}))
    return {name: float(np.mean(values)) for name, values in tally.items()}


def _posterior(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    keys = ("covered", "promise covered", "rank covered", "width", "pooled SD covered",
            "pooled SD rank covered", "printed rank right")  # fmt: skip
    tally: dict[str, list[float]] = {k: [] for k in keys}
    for _ in range(draws):
        table, truth, sd = _survey(regime, rng)
        found = table_posterior(
            table, draws=300, effort=200, fewest=2, seed=int(rng.integers(1 << 31))
        )
        ours = np.stack([found.areas.draws[q] for q in QUESTIONS])
        n = np.array(table["n"], dtype=np.float64)
        # The peer even knows the standard deviation of the ratings, which no table prints.
        printed = np.stack([np.array(table[q], dtype=np.float64) for q in QUESTIONS])
        noise = rng.standard_normal((2, 300, n.size)) * (sd / np.sqrt(n))[:, None]
        peer = printed[:, None] + noise
        for name, cloud in (("", ours), ("pooled SD ", peer)):
            low, high = np.quantile(cloud, [0.05, 0.95], axis=1)
            tally[f"{name}covered"].append(float(((low <= truth) & (truth <= high)).mean()))
            if not name:
                tally["width"].append(float((high - low).mean()))
            promise, real = cloud[0] * cloud[1], truth[0] * truth[1]
            ranks = (-promise).argsort(axis=1).argsort(axis=1)
            place = (-real).argsort().argsort()
            first, last = np.quantile(ranks, [0.05, 0.95], axis=0, method="inverted_cdf")
            tally[f"{name}rank covered"].append(float(((first <= place) & (place <= last)).mean()))
            if not name:
                ends = np.quantile(promise, [0.05, 0.95], axis=0)
                tally["promise covered"].append(
                    float(((ends[0] <= real) & (real <= ends[1])).mean())
                )
            else:
                shown = (-(printed[0] * printed[1])).argsort().argsort()
                tally["printed rank right"].append(float((shown == place).mean()))
    return {k: float(np.mean(v)) for k, v in tally.items()}


def _survey(
    regime: Regime, rng: np.random.Generator
) -> tuple[dict[str, list[str]], Floats, Floats]:
    """A printed table, the true mean ratings (questions, areas), and the SD of ratings by question.

    Levels and answers are as the model has them; beyond it, respondents of a row share a severity,
    or levels are skewed.
    """
    rows = int(regime["areas"])
    if regime["truth"] == "prior":
        point = draw_prior(rng, 1, 1.0, 3.0)[0]
    else:
        spread = np.log([regime["between"], regime["within"]])
        point = np.array([3.9, *spread, 3.5, *spread, 0.6, -3.0])
    r = float(correlation(point[6:7])[0])
    z = rng.standard_normal((2, rows))
    z[1] = r * z[0] + np.sqrt(1 - r * r) * z[1]
    if regime["truth"] == "skewed":
        z = rng.exponential(1.0, (2, rows)) - 1
    lost = 1 / (1 + np.exp(-point[7]))
    table: dict[str, list[str]] = {k: [] for k in ("area", *QUESTIONS, "promise", "n")}
    truth, every = np.empty((2, rows)), [list[float](), list[float]()]
    for i in range(rows):
        n = int(rng.integers(3, 8))
        while True:
            counts = rng.binomial(n, 1 - lost, 2)
            if counts.max() == n and counts.min() >= 2:
                break
        severity = rng.normal(0, regime["severity"], n)
        sums = []
        for k in range(2):
            level = point[3 * k] + np.exp(point[3 * k + 1]) * z[k, i]
            within = np.exp(point[3 * k + 2])
            raw = level + severity[: counts[k]] + rng.normal(0, within, int(counts[k]))
            values = np.clip(np.rint(raw), 1, 5)
            every[k] += values.tolist()
            sums.append(int(values.sum()))
            total = np.hypot(within, regime["severity"])
            truth[k, i] = mean_rating(np.array(level), np.array(total), (1, 5))
        means = [Fraction(s, int(c)) for s, c in zip(sums, counts, strict=True)]
        table["area"].append(f"a{i}")
        for q, mean in zip(QUESTIONS, means, strict=True):
            table[q].append(rounded(mean))
        table["promise"].append(rounded(means[0] * means[1]))
        table["n"].append(decimal(n, 0))
    sd = np.array([[max(float(np.std(v)), 0.05)] for v in every])
    return table, truth, np.broadcast_to(sd, (2, rows))


CERTIFICATES = (
    Certificate(
        name="published-honest",
        method="calibrant.priorities.audit_table",
        statement="A table of whole-number ratings is never accused of a contradiction, however "
        "its halves were rounded and from whatever means its products were made.",
        regimes=regimes(
            "rows most scale digits rule basis lost sd",
            (40, 16, 5, 2, "half-up", "unrounded", 0.1, "none"),
            (40, 16, 5, 2, "half-even", "unrounded", 0.3, "none"),
            (40, 40, 5, 2, "float", "unrounded", 0.1, "sample"),
            (15, 8, 5, 2, "float", "rounded", 0.3, "population"),
            (15, 12, 7, 1, "half-even", "rounded", 0.1, "sample"),
            (8, 60, 10, 3, "half-up", "unrounded", 0.5, "none"),
        ),
        batch=_honest,
        bounds={"flagged": Bound(high=0.0)},
        peers={
            "grim": "each mean against its printed n, as calculators of GRIM do",
            "recomputed": "the product of the printed means, multiplied again",
        },
        batch_draws=50,
    ),
    Certificate(
        name="published-misprints",
        method="calibrant.priorities.audit_table",
        statement="Where up to 16 people rated each area and means and products have two "
        "decimals, one wrong digit in a mean or product is called a contradiction in at least "
        "90 %, and no other row ever is.",
        regimes=regimes(
            "error rows most scale digits rule basis lost sd",
            ("mean", 20, 8, 5, 2, "half-up", "unrounded", 0.1, "none"),
            ("mean", 20, 16, 5, 2, "float", "unrounded", 0.1, "none"),
            ("promise", 20, 8, 5, 2, "half-up", "unrounded", 0.1, "none"),
            ("promise", 20, 16, 5, 2, "half-even", "unrounded", 0.1, "none"),
        ),
        batch=_planted,
        bounds={"found": Bound(low=0.9), "another row accused": Bound(high=0.0)},
        peers={
            "grim": "each mean against its printed n, as calculators of GRIM do",
            "recomputed": "the product of the printed means, multiplied again",
        },
        beyond=regimes(
            "error rows most scale digits rule basis lost sd",
            ("mean", 20, 40, 5, 2, "half-up", "unrounded", 0.1, "none"),
            ("n", 20, 16, 5, 2, "half-up", "unrounded", 0.1, "none"),
        ),
        batch_draws=50,
    ),
    Certificate(
        name="published-posterior",
        method="calibrant.priorities.posterior_of_table",
        statement="From a printed table alone, 90 % intervals of areas' mean ratings and promise, "
        "and of their ranks, cover in 90 % of areas, on average over populations of areas as the "
        "prior expects them.",
        regimes=regimes(
            "truth areas between within severity",
            ("prior", 8, "drawn", "drawn", 0.0),
            ("prior", 15, "drawn", "drawn", 0.0),
        ),
        batch=_posterior,
        bounds={
            "covered": Bound(low=0.9),
            "promise covered": Bound(low=0.9),
            "rank covered": Bound(low=0.9),
        },
        peers={
            "pooled SD": "each printed mean plus normal noise of the ratings' pooled SD / √n, with "
            "the SD from the ratings themselves, which no table prints",
            "printed": "the printed order, as if it were exact",
        },
        beyond=regimes(
            "truth areas between within severity",
            ("fixed", 15, 0.5, 1.0, 0.0),
            ("fixed", 15, 0.5, 0.8, 0.6),
        ),
        batch_draws=25,
    ),
)
