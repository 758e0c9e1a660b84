"""How often does a rate corrected by gold labels miss the truth, from useless judges to perfect?"""

from __future__ import annotations

from calibrant.judges.correction.certificates.coverage import (
    design_batch,
    exact_batch,
    fieller_batch,
    mean_batch,
    ppi_batch,
    rare_batch,
    recommended_batch,
    score_batch,
    verdict_batch,
)
from calibrant.judges.correction.certificates.simulate import PEERS
from calibrant.stats.certificates import Bound, Certificate, regimes

NAMES = "rate sensitivity specificity labels items"

_HARD = regimes(
    NAMES,
    (0.005, 0.5, 0.5, 10, 1000), (0.005, 0.9, 0.99, 100, 2000), (0.01, 1.0, 1.0, 50, 500),
    (0.02, 0.2, 0.3, 50, 500), (0.1, 0.9, 0.9, 20, 1000), (0.3, 0.98, 0.995, 50, 100),
    (0.5, 0.9, 0.9, 100, 1000), (0.5, 0.5, 0.5, 40, 400), (0.98, 0.9, 0.9, 30, 300),
)  # fmt: skip
_ENOUGH = regimes(
    NAMES,
    (0.5, 0.5, 0.5, 100, 1000), (0.5, 0.9, 0.9, 100, 2000), (0.3, 0.98, 0.98, 150, 300),
    (0.2, 0.8, 0.95, 200, 20000), (0.3, 0.2, 0.3, 100, 1000), (0.1, 0.9, 0.95, 500, 50000),
)  # fmt: skip
_FEW = regimes(
    NAMES,
    (0.005, 0.9, 0.99, 100, 2000), (0.02, 0.9, 0.95, 50, 500), (0.1, 0.9, 0.9, 10, 1000),
    (0.5, 1.0, 1.0, 20, 2000),
)  # fmt: skip

CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "correction-exact",
        "calibrant.judges.correction.exact.exact_limits",
        "The exact interval of a double sample covers at least as often as its level says: for "
        "gold labels of 1 % to 50 % of the items, rates near 0 and 1, and judges that are useless, "
        "perfect, or worse than chance.",
        _HARD, exact_batch, {"exact covered": Bound(low=0.95)}, PEERS,
    ),
    Certificate(
        "correction-by-verdict",
        "calibrant.judges.correction.exact.exact_limits",
        "It does too where labels are drawn by verdict, such as all flagged items and a few of the "
        "others.",
        regimes(
            "rate sensitivity specificity flagged passed items",
            (0.01, 0.8, 0.99, 10000, 200, 4000), (0.02, 0.95, 0.95, 50, 50, 1000),
            (0.005, 0.5, 0.999, 10000, 500, 5000), (0.3, 0.7, 0.8, 60, 30, 500),
        ),
        verdict_batch, {"exact covered": Bound(low=0.95)},
        {
            "naive": PEERS["naive"],
            "pooled gold": "Clopper–Pearson of all gold labels, as if drawn at random",
            "stratified Wald": "the stratified estimate ± 1.96 standard errors",
        },
    ),
    Certificate(
        "correction-likelihood",
        "calibrant.judges.correction.double.likelihood_limits",
        "With 15 gold labels of the rarer kind or more expected, the score interval covers 93.5 % "
        "or more.",
        _ENOUGH, score_batch, {"score covered": Bound(low=0.95, slack=0.015)}, PEERS, _FEW,
    ),
    Certificate(
        "correction-recommended",
        "calibrant.judge.correct",
        "What `correct` recommends, chosen by the same data, covers 94 % or more.",
        (*_HARD[:5], *_ENOUGH[:4], *regimes(NAMES, (0.15, 0.9, 0.9, 100, 1000))),
        recommended_batch, {"recommended covered": Bound(low=0.95, slack=0.01)}, PEERS,
    ),
    Certificate(
        "correction-ppi",
        "calibrant.judges.correction.ppi.ppi_mean(lam='cross-fitted')",
        "With 15 gold labels of the rarer kind or more expected, cross-fitted PPI++ with Student's "
        "t covers 93 % or more; with fewer no interval of this kind does.",
        _ENOUGH, ppi_batch, {"cross-fitted covered": Bound(low=0.95, slack=0.02)}, PEERS, _FEW,
    ),
    Certificate(
        "correction-mean",
        "calibrant.judges.correction.ppi.ppi_mean, methods.bounded",
        "For means of scores in 0–1 the bounded limits cover always, and cross-fitted PPI++ 93 % "
        "or more from 100 labels on.",
        (
            {"labels": 100, "items": 1000, "shape": (2, 5), "truth": 2 / 7, "knows": 0.9},
            {"labels": 200, "items": 2000, "shape": (0.5, 2), "truth": 0.2, "knows": 0.0},
            {"labels": 100, "items": 200, "shape": (5, 1), "truth": 5 / 6, "knows": 0.6},
        ),
        mean_batch,
        {"bounded covered": Bound(low=0.95),
         "cross-fitted covered": Bound(low=0.95, slack=0.02)},
        {
            "ppi_py": PEERS["ppi_py"], "plain PPI": "ppi_py with `lam=1` (PPI of 2023)",
            "naive": "the judge's mean ± 1.96 standard errors",
        },
        ({"labels": 12, "items": 400, "shape": (0.1, 1.9), "truth": 0.05, "knows": 0.9},),
    ),
    Certificate(
        "correction-designs",
        "calibrant.judges.correction.designs",
        "Clustered, stratified and weighted PPI++ cover 93 % or more: 20 labelled clusters or "
        "more, 60 labels in each stratum, labels with unequal chances.",
        (
            {"design": "clusters", "rate": 0.3, "icc": 0.3, "clusters": 200, "size": 8,
             "labelled": 25},
            {"design": "clusters", "rate": 0.5, "icc": 0.1, "clusters": 60, "size": 20,
             "labelled": 20},
            {"design": "strata", "size": 300, "labelled": 60},
            {"design": "chances", "size": 2000, "labelled": 150},
        ),
        design_batch, {"design covered": Bound(low=0.95, slack=0.02)},
        {"ppi_py": "ppi_py `ppi_mean_ci`, the design forgotten",
         "naive": "the judge's mean ± 1.96 standard errors"},
        (
            {"design": "clusters", "rate": 0.1, "icc": 0.3, "clusters": 60, "size": 8,
             "labelled": 6},
            {"design": "strata", "size": 300, "labelled": 5},
        ),
    ),
    Certificate(
        "correction-rogan-gladen",
        "calibrant.judges.correction.identify.fieller",
        "The set of Rogan and Gladen's rates covers 93 % or more whatever the judge is worth, a "
        "useless one included; splitting the error covers always.",
        regimes(
            NAMES,
            (0.3, 0.5, 0.5, 100, 1000), (0.3, 0.6, 0.55, 100, 1000), (0.5, 0.9, 0.9, 100, 1000),
            (0.2, 0.2, 0.3, 100, 1000), (0.1, 0.9, 0.95, 300, 3000), (0.02, 0.9, 0.9, 100, 2000),
        ),
        fieller_batch,
        {"set covered": Bound(low=0.95, slack=0.02), "error split covered": Bound(low=0.95)},
        {"naive": PEERS["naive"], "delta": PEERS["delta"]},
    ),
    Certificate(
        "correction-rare",
        "calibrant.judges.correction.rare.rare_upper",
        "The upper bound for a rare rate, from checked flags and a sample of the rest, holds at "
        "least as often as its level says, also where verdicts are lost on events only.",
        regimes(
            "rate sensitivity specificity items checked labels unparsed",
            (0.001, 0.9, 0.99, 5000, 1.0, 500, 0.0), (0.0, 0.9, 0.98, 1000, 1.0, 200, 0.0),
            (0.01, 0.3, 0.99, 2000, 1.0, 300, 0.002), (0.02, 0.8, 0.9, 2000, 0.3, 300, 0.005),
            (0.005, 0.5, 0.999, 10000, 1.0, 1000, 0.0),
        ),
        rare_batch, {"covered": Bound(low=0.95)},
        {"naive": "Clopper–Pearson of the flags among parsed verdicts",
         "flags": "Clopper–Pearson of the confirmed flags: what the judge missed is forgotten"},
    ),
)  # fmt: skip
