"""A short run of the certificates of tests of exposure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calibrant.contamination.exposure.certificates import CERTIFICATES
from calibrant.stats.certificates import Certificate, measure_certificate


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=lambda c: c.name)
def test_a_short_run_holds(certificate: Certificate) -> None:
    few = 10 if certificate.name in ("exposure-blind", "exposure-rank", "exposure-power") else 40
    quick = replace(certificate, batch_draws=few, regimes=certificate.regimes[:3], beyond=())
    for measured in measure_certificate(quick, draws=few, seed=3):
        assert not measured.broken
