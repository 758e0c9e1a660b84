"""How often is a clean document called a paraphrase? At most as often as promised."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from calibrant.contamination.rewording.calibrate import calibrate
from calibrant.contamination.rewording.simulate import (
    Law,
    beta,
    mostly_nothing,
    of_pool,
    scanned_pool,
)
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

FIXED = 0.8
"""The threshold of a cosine that people use."""


def _laws(name: str) -> tuple[Law, Law]:
    """The law of clean documents, and of the corpus's."""
    if name == "another kind":
        return beta(3, 8), beta(5, 7)
    found = {
        "continuous": lambda: beta(3, 6), "ties": lambda: beta(3, 6, 12),
        "mostly 0": lambda: mostly_nothing(0.03), "near 1": lambda: beta(9, 1.5),
        "scanned": lambda: of_pool(scanned_pool().clean),
    }[name]()  # fmt: skip
    return found, found


def _batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Thresholds from drawn clean scores, and the rates of false positives that they have."""
    clean, corpus = _laws(regime["scores"])
    rate, confidence = regime["rate"], regime.get("confidence")
    sums = dict.fromkeys(
        ("false positives", "covered", "upper held", "kept", "fixed false positives",
         "quantile false positives", "quantile kept"), 0.0,
    )  # fmt: skip
    for _ in range(draws):
        scores = clean.draw(rng, regime["documents"])
        found = calibrate(scores, rate, confidence=confidence)
        true = corpus.above(found.threshold)
        plain = corpus.above(float(np.quantile(scores, 1 - rate)))
        sums["false positives"] += true
        sums["covered"] += found.low <= true <= found.high
        sums["upper held"] += true <= found.high
        sums["kept"] += true <= rate
        sums["fixed false positives"] += corpus.above(FIXED)
        sums["quantile false positives"] += plain
        sums["quantile kept"] += plain <= rate
    return {name: value / draws for name, value in sums.items()}


def _found(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """False positives and rewordings found, by our score and by the cosine."""
    pool = scanned_pool()
    rate, n = regime["rate"], regime["documents"]
    ours, cosine = of_pool(pool.clean), of_pool(pool.cosines)
    hit, peer = of_pool(pool.planted), of_pool(pool.planted_cosines)
    sums = dict.fromkeys(
        ("false positives", "found", "fixed false positives", "fixed found",
         "TF-IDF false positives", "TF-IDF found"), 0.0,
    )  # fmt: skip
    for _ in range(draws):
        chosen = rng.integers(0, pool.clean.size, n)
        at = calibrate(pool.clean[chosen], rate).threshold
        plain = float(np.quantile(pool.cosines[chosen], 1 - rate))
        sums["false positives"] += ours.above(at)
        sums["found"] += hit.above(at)
        sums["fixed false positives"] += cosine.above(FIXED)
        sums["fixed found"] += peer.above(FIXED)
        sums["TF-IDF false positives"] += cosine.above(plain)
        sums["TF-IDF found"] += peer.above(plain)
    return {name: value / draws for name, value in sums.items()}


_PEERS = {
    "fixed": "a fixed threshold of .8, as for cosines",
    "quantile": "the empirical quantile of the clean scores",
}


def _certificate(rate: float) -> Certificate:
    rows = [(law, n, rate) for n in (int(2 / rate) - 1, int(10 / rate))
            for law in ("continuous", "ties", "mostly 0", "near 1", "scanned")]  # fmt: skip
    return Certificate(
        name=f"paraphrase-rate-{rate:g}",
        method="calibrant.contamination.rewording.calibrate",
        statement=f"At most {rate:.0%} of clean documents are called on average over sets of clean "
        "documents, and the interval of the rate covers 95 %.",
        regimes=regimes("scores documents rate", *rows),
        beyond=regimes("scores documents rate", ("another kind", int(10 / rate), rate)),
        batch=_batch,
        bounds={"false positives": Bound(high=rate), "covered": Bound(low=0.95),
                "upper held": Bound(low=0.975)},
        peers=_PEERS,
    )  # fmt: skip


CERTIFICATES = (
    _certificate(0.01),
    _certificate(0.05),
    Certificate(
        name="paraphrase-confidence",
        method="calibrant.contamination.rewording.calibrate",
        statement="With a confidence of 95 % the rate of false positives is at most the one "
        "wanted.",
        regimes=regimes(
            "scores documents rate confidence",
            *[(law, n, 0.01, 0.95) for n in (299, 2000)
              for law in ("continuous", "ties", "mostly 0", "near 1", "scanned")],
        ),
        beyond=regimes("scores documents rate confidence", ("another kind", 2000, 0.01, 0.95)),
        batch=_batch,
        bounds={"kept": Bound(low=0.95), "upper held": Bound(low=0.975)},
        peers=_PEERS,
    ),
    Certificate(
        name="paraphrase-found",
        method="calibrant.contamination.rewording.paraphrase",
        statement="Of rewordings of made-up word problems at least 85 % are found where at most "
        "the promised share of clean problems from the same templates is called.",
        regimes=regimes("rate documents", (0.01, 199), (0.01, 1000), (0.05, 199)),
        batch=_found,
        bounds={"false positives": Bound(high=0.05), "found": Bound(low=0.85)},
        peers={"fixed": "cosine of TF-IDF above .8",
               "TF-IDF": "cosine of TF-IDF above the empirical quantile of clean ones"},
    ),
)  # fmt: skip
"""Certificates of the scan for paraphrases."""
