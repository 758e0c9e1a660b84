"""The certificates of calibration and of labels in short: promises hold, peers are measured."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from calibrant.judges.calibration.certificates import CERTIFICATES as CALIBRATION
from calibrant.judges.planning.certificates import CERTIFICATES as LABELS
from calibrant.stats.certificates import measure_certificate

SHORT = {"label-plan": (0,), "label-anytime": (0, 4, 6), "judge-calibrated-mean": (0, 3, 7)}


@pytest.mark.parametrize("certificate", [*CALIBRATION, *LABELS], ids=lambda c: c.name)
def test_no_promise_breaks_in_short(certificate):
    which = SHORT.get(certificate.name, (0, 1))
    few = min(certificate.batch_draws, 25)
    short = replace(
        certificate, regimes=tuple(certificate.regimes[i] for i in which), batch_draws=few
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Streams of earlier tests that Inspect leaves to the garbage collector.
        warnings.filterwarnings("ignore", "Unclosed <MemoryObject", ResourceWarning)
        found = measure_certificate(short, draws=few, seed=5)
    for measured in found:
        assert not measured.broken, (measured.regime, measured.broken)
        for peer in certificate.peers:
            assert any(certificate.peer_of(name) == peer for name in measured.statistics), peer
        assert all(np.isfinite(v) for v in measured.statistics.values())
