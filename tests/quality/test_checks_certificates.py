"""A short run of the certificates of item checks and bank checks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calibrant.quality.checks.certificates import CERTIFICATES
from calibrant.stats.certificates import measure_certificate

DRAWS = {"items-residuals": 4, "bank-reversed": 6, "bank-good": 6}


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=lambda c: c.name)
def test_promises_hold_in_a_short_run(certificate):
    draws = DRAWS.get(certificate.name, 20)
    short = replace(certificate, batch_draws=draws, regimes=certificate.regimes[:1], beyond=())
    (found,) = measure_certificate(short, draws=draws, seed=1)
    assert not found.broken
    assert set(certificate.bounds) <= set(found.statistics)
