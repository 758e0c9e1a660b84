"""The certificates of curves, shortened."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calibrant.scaling.curves.certificates import CERTIFICATES
from calibrant.stats.certificates import Certificate, measure_certificate


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=lambda c: c.name)
def test_promises_hold_on_a_few_draws(certificate: Certificate) -> None:
    short = replace(certificate, regimes=certificate.regimes[:1], beyond=(), batch_draws=12)
    for measured in measure_certificate(short, draws=12, seed=3):
        assert not measured.broken, measured
