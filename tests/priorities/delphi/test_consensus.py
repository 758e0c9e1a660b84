"""Are spread, concordance and movement counted right, and what they claim true?"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.priorities import consensus
from calibrant.priorities.delphi.certificates import CERTIFICATES
from calibrant.priorities.delphi.concordance import concordance, plain_p, plain_w
from calibrant.priorities.delphi.movement import movement, plain_apart
from calibrant.priorities.delphi.spread import (
    _ratio,
    _rising,
    agreement,
    bimodal,
    dispersion,
    dispersion_limits,
    iqr_limits,
    quantile_limits,
    quartiles,
    spread,
)
from calibrant.stats.certificates import measure_certificate

COUNTS = st.lists(st.integers(0, 6), min_size=3, max_size=6).filter(lambda c: sum(c) > 0)


def test_agreement_is_as_published():
    # Van der Eijk 2001: an example, and the three corners.
    assert agreement(np.array([30, 40, 210, 130, 530, 50, 10])) == pytest.approx(0.6113333)
    assert agreement(np.array([0, 9, 0, 0])) == 1
    assert agreement(np.array([4, 4, 4, 4, 4])) == 0
    assert agreement(np.array([7, 0, 0, 0, 7])) == -1


def test_dispersion_and_quartiles():
    assert dispersion(np.array([5, 0, 0, 0, 5])) == 1 and dispersion(np.array([0, 3, 0])) == 0
    assert quartiles(np.array([1, 1, 1, 1])) == (1.5, 2.5, 3.5)
    assert quartiles(np.array([0, 0, 7, 0, 0])) == (3, 3, 3)


@settings(max_examples=25, deadline=None)
@given(COUNTS)
def test_quartiles_are_those_of_numpy(counts):
    values = np.repeat(np.arange(1, len(counts) + 1), counts)
    known = np.quantile(values, [0.25, 0.5, 0.75], method="averaged_inverted_cdf")
    assert quartiles(np.array(counts)) == pytest.approx(tuple(known))


@settings(max_examples=25, deadline=None)
@given(COUNTS)
def test_limits_hold_what_they_limit(counts):
    c = np.array(counts)
    low, high = dispersion_limits(c, 0.95)
    assert -1e-12 <= low <= dispersion(c) + 1e-12 and dispersion(c) <= high + 1e-12 <= 1 + 2e-12
    first, middle, last = quartiles(c)
    assert quantile_limits(c, 0.5, 0.05)[0] <= middle <= quantile_limits(c, 0.5, 0.05)[1]
    least, most = iqr_limits(c, 0.95)
    assert least <= last - first <= most
    # A scale read from the other end is the same scale.
    assert agreement(c) == pytest.approx(agreement(c[::-1]))
    assert bimodal(c) == pytest.approx(bimodal(c[::-1].copy()), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(COUNTS)
def test_the_one_peaked_fit_is_the_best_there_is(counts):
    c = np.array(counts, np.float64)
    fit = _rising(c)
    assert (np.diff(fit) >= -1e-9).all() and fit.sum() == pytest.approx(c.sum())
    # Pooling neighbours that fall until none does: the textbook's way.
    blocks = [[x, 1] for x in c]
    i = 0
    while i < len(blocks) - 1:
        if blocks[i][0] > blocks[i + 1][0] + 1e-12:
            (a, m), (b, n) = blocks[i], blocks.pop(i + 1)
            blocks[i] = [(a * m + b * n) / (m + n), m + n]
            i = max(i - 1, 0)
        else:
            i += 1
    assert fit == pytest.approx(np.repeat([b[0] for b in blocks], [b[1] for b in blocks]))


def test_two_camps_are_told_from_one():
    assert bimodal(np.array([10, 0, 0, 0, 10])) < 1e-6
    assert bimodal(np.array([1, 3, 9, 5, 2])) == 1 == bimodal(np.array([9, 1]))
    assert _ratio(np.array([[1.0, 2, 3, 2, 1]]))[0] == pytest.approx(0, abs=1e-9)


def test_what_has_no_spread_is_refused():
    for counts in ([0, 0, 0], [3], [2, -1]):
        with pytest.raises(InputError, match="answers on 2 or more"):
            spread(np.array(counts))


TABLES = st.integers(0, 10**6).map(
    lambda seed: np.random.default_rng(seed).integers(1, 5, (3, 3)).astype(float)
)


@settings(max_examples=8, deadline=None)
@given(TABLES)
def test_w_of_a_full_table_is_kendalls(values):
    who, area = (x.ravel() for x in np.indices(values.shape))
    uneven = [row for row in values if np.ptp(row) > 0]
    if len(uneven) < 2:
        with pytest.raises(InputError, match="rate areas unequally"):
            concordance(who, area, values.ravel())
        return
    found = concordance(who, area, values.ravel())
    kept = np.array(uneven)
    assert found.w == pytest.approx(plain_w(kept)) and found.exact
    assert found.p == pytest.approx(plain_p(kept))
    assert found.by_chance == pytest.approx(1 / len(kept))


def test_w_as_in_siegel():
    # Three judges order six applicants: Siegel, Nonparametric Statistics (1956), table 9.8.
    table = np.array([[1, 6, 3, 2, 5, 4], [1, 5, 6, 4, 2, 3], [6, 3, 2, 5, 4, 1.0]])
    who, area = (x.ravel() for x in np.indices(table.shape))
    found = concordance(who, area, table.ravel(), draws=200)
    assert found.w == pytest.approx(0.162, abs=5e-4) and found.p > 0.3


def test_respondents_who_share_no_area_have_no_order():
    with pytest.raises(InputError, match="no two respondents"):
        concordance(np.array([0, 0, 1, 1]), np.array([0, 1, 2, 3]), np.array([1.0, 2, 1, 2]))


def test_movement_in_small():
    who, area = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1] * 3)
    before, after = np.array([1, 2, 3, 3, 5, 5]), np.array([3, 2, 3, 3, 3, 5])
    found = movement(who, area, before, after, levels=5)
    assert (found.respondents, found.pairs, found.revised) == (3, 6, 2)
    assert (found.towards, found.away) == (2, 0) and found.exact
    assert found.narrowing == pytest.approx(
        1 - plain_apart(area, after) / plain_apart(area, before)
    )
    # Of the eight exchanges, two (all and none of the two movers with the third) fall as far.
    assert found.p == pytest.approx(2 / 8)
    assert found.shift == 0 and found.shift_p is None


def test_nothing_in_both_rounds_is_refused():
    empty = np.zeros(0, np.int64)
    with pytest.raises(InputError, match="both rounds"):
        movement(empty, empty, empty, empty, levels=5)
    one = np.ones(2, np.int64)
    with pytest.raises(InputError, match="1 to 5"):
        movement(one, one, one, one * 6, levels=5)


def test_consensus_of_a_table():
    rng = np.random.default_rng(2)
    rows = []
    for r in range(24):
        said = {"10a": 4, "2b": 1 + 4 * (r % 2), "2a": int(rng.integers(1, 6))}
        rows += [(f"r{r}", area, "importance", v, 1) for area, v in said.items()]
    rows += [("r0", "9a", "importance", 2, 1)]
    rows += [(f"r{r}", "2b", "importance", 3, 2) for r in range(24)]
    table = pl.DataFrame(rows, schema=["respondent", "area", "question", "value", "round"],
                         orient="row")  # fmt: skip
    found = consensus(table, draws=199)
    cells = {(c.area, c.round): c for c in found.cells}
    assert list(cells)[:4] == [("2a", 1), ("2b", 1), ("9a", 1), ("10a", 1)]
    assert cells["10a", 1].spread.consensus == "yes" and cells["2b", 1].spread.consensus == "no"
    assert cells["2b", 1].two_camps < 0.01 < 0.1 < cells["2a", 1].two_camps
    assert cells["9a", 1].spread is None and "fewer than 3" in found.notes[0]
    (moved,) = found.movements
    assert moved.movement.narrowing == 1 and moved.movement.p < 0.01
    assert found.questions[1].order is None and "unequally" in found.questions[1].why
    assert "2 of 4" in repr(found) and found.to_dict()["levels"] == 5
    with pytest.raises(InputError, match="importance: value 5; wanted whole numbers of 1 to 4"):
        consensus(table, levels=4)
    with pytest.raises(InputError, match="nobody answered"):
        consensus(table.with_columns(pl.lit(None).cast(pl.Float64).alias("value")))


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=lambda c: c.name)
def test_promises_hold(certificate):
    for found in measure_certificate(certificate, draws=25):
        assert found.broken == (), (certificate.name, dict(found.regime), found.statistics)
