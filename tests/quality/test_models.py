"""Do fits reach published numbers, and agree with a plain sum over abilities?"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from calibrant.quality.models.fit import fit_bank

# Bock & Lieberman (1970): how many subjects gave each pattern 00000, 00001, …, 11111.
LSAT6 = (
    3, 6, 2, 11, 1, 1, 3, 4, 1, 8, 0, 16, 0, 3, 2, 15,
    10, 29, 14, 81, 3, 28, 15, 80, 16, 56, 21, 173, 11, 61, 28, 298,
)  # fmt: skip
LSAT7 = (
    12, 19, 1, 7, 3, 19, 3, 17, 10, 5, 3, 7, 7, 23, 8, 28,
    7, 39, 11, 34, 14, 51, 15, 90, 6, 25, 7, 35, 18, 136, 32, 308,
)  # fmt: skip


def scores(counts: tuple[int, ...]) -> NDArray[np.float64]:
    """Shape (1000, 5)."""
    patterns = (np.arange(32)[:, None] >> np.arange(4, -1, -1)) & 1
    return np.repeat(patterns, counts, axis=0).astype(np.float64)


@pytest.mark.parametrize(
    ("counts", "model", "wanted"),
    [
        (LSAT6, "rasch", -2466.938),
        (LSAT6, "2pl", -2466.653),
        (LSAT7, "2pl", -2658.805),
        (LSAT7, "grm", -2658.805),
        (LSAT7, "gpcm", -2658.805),
        (LSAT6, "pcm", -2466.938),
    ],
)
def test_published_log_likelihoods(counts: tuple[int, ...], model: str, wanted: float) -> None:
    found = fit_bank(scores(counts), model)
    assert found.log_likelihood == pytest.approx(wanted, abs=0.0006)
    assert found.adequacy.verdict == "adequate"


def test_published_parameters_and_errors_of_lsat6() -> None:
    # ltm(LSAT ~ z1) and rasch(LSAT) of the R package ltm, in its article (Rizopoulos 2006).
    two = fit_bank(scores(LSAT6), "2pl")
    assert [i.discrimination for i in two.items] == pytest.approx(
        [0.8256, 0.7229, 0.8907, 0.6883, 0.6569], abs=6e-4
    )
    assert [i.standard_errors["discrimination"] for i in two.items] == pytest.approx(
        [0.2581, 0.1867, 0.2326, 0.1851, 0.2100], abs=6e-4
    )
    one = fit_bank(scores(LSAT6), "rasch")
    assert one.bank.sd == pytest.approx(0.7551, abs=1e-4)
    easiness = [i.intercepts[0] for i in one.items]
    assert easiness == pytest.approx([2.730, 0.999, 0.240, 1.306, 2.099], abs=1e-3)
    assert np.allclose(one.bank.discrimination, 1.0)
