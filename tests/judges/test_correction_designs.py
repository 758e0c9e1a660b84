"""PPI of clusters, strata and unequal chances: plain PPI as a special case, and what is refused."""

import numpy as np
import pytest

from calibrant.errors import InputError
from calibrant.judges.correction.designs import ppi_clustered, ppi_stratified, ppi_weighted
from calibrant.judges.correction.ppi import ppi_mean


def test_clusters_of_one_item_are_items():
    rng = np.random.default_rng(0)
    y, u = rng.random(60), rng.random(400) + rng.normal(0, 0.2, 400)
    f = y + rng.normal(0, 0.2, 60)
    one = ppi_mean(y, f, u, lam="cross-fitted")
    two = ppi_clustered(y, f, u, np.arange(60), np.arange(60, 460))
    assert two.value == pytest.approx(one.value, abs=0.01)
    assert two.standard_error == pytest.approx(one.standard_error, rel=0.05)


def test_one_stratum_is_cross_fitted_ppi():
    rng = np.random.default_rng(0)
    y, u = rng.random(60), rng.random(400)
    one, two = ppi_mean(y, y, u, lam="cross-fitted"), ppi_stratified(
        y, y, u, np.zeros(60), np.zeros(400)
    )  # fmt: skip
    assert two.value == pytest.approx(one.value)
    assert two.standard_error == pytest.approx(one.standard_error)


def test_equal_chances_are_ppi():
    rng = np.random.default_rng(0)
    y, u = rng.random(100), rng.random(900)
    f = y + rng.normal(0, 0.2, 100)
    one, two = ppi_mean(y, f, u), ppi_weighted(y, f, np.full(100, 0.1), u)
    assert two.value == pytest.approx(one.value, abs=0.01)
    assert two.standard_error == pytest.approx(one.standard_error, rel=0.1)


def test_weights_take_off_the_bias_of_labels_that_were_sought():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(300):
        y = (rng.random(600) < 0.2).astype(float)
        chance = np.where(y == 1, 0.4, 0.1)
        known = rng.random(600) < chance
        found.append(ppi_weighted(y[known], y[known] * 0, chance[known], y[~known] * 0).value)
    assert np.mean(found) == pytest.approx(0.2, abs=4 * np.std(found) / 300**0.5)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda y, u: ppi_stratified(y, y, u, [0] * 8, [1] * 5), "at least 3 gold labels in each"),
        (lambda y, u: ppi_stratified(y, y, u, [0], [1]), "one for each of 8 labelled and 5"),
        (lambda y, u: ppi_clustered(y, y, u, [0] * 8, [1] * 5), "in at least 3, got 1"),
        (lambda y, u: ppi_clustered(y, y, u, [0], [1]), "one for each"),
        (lambda y, u: ppi_weighted(y, y, np.zeros(8), u), "above 0 and at most 1, got 0"),
        (lambda y, u: ppi_weighted(y, y, [0.5], u), "one for each of 8 labels"),
        (lambda y, u: ppi_weighted(y[:3], y[:3], [0.5] * 3, u), "at least 4"),
    ],
)
def test_designs_without_enough_labels_are_refused(call, said):
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match=said):
        call(rng.random(8), rng.random(5))
