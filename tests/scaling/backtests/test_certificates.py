"""A short run of the certificates of forecasts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calibrant.scaling.backtests.certificates import CERTIFICATES
from calibrant.stats.certificates import Certificate, measure_certificate

DRAWS = {"forecast-gate": 40, "forecast-beats": 15, "forecast-stacking": 15, "forecast-said": 2,
         "forecast-silent": 2}  # fmt: skip


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=lambda c: c.name)
def test_what_is_promised_is_not_broken(certificate: Certificate) -> None:
    draws = DRAWS[certificate.name]
    some = certificate.regimes[:1] if certificate.name == "forecast-said" else certificate.regimes
    short = replace(certificate, regimes=some, beyond=(), batch_draws=draws)
    for found in measure_certificate(short, draws=draws, seed=1):
        assert not found.broken, (found.regime, found.broken)
