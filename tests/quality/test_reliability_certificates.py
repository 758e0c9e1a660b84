"""A short run of the certificates of reliability."""

import numpy as np
import pytest

from calibrant.quality.reliability.certificates import CERTIFICATES
from calibrant.stats.certificates import measure_certificate

CONDITIONAL = next(c for c in CERTIFICATES if c.name == "reliability-conditional")


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=lambda c: c.name)
def test_each_batch_measures_what_is_promised(certificate):
    found = certificate.batch(certificate.regimes[0], np.random.default_rng(0), 3)
    assert set(certificate.bounds) <= set(found)
    assert all(0 <= v <= 1 for k, v in found.items() if k in certificate.bounds)
    assert all(any(certificate.peer_of(s) == p for s in found) for p in certificate.peers)


def test_errors_at_a_score_hold():
    for measured in measure_certificate(CONDITIONAL, draws=50):
        assert not measured.broken, measured
