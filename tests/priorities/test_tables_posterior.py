"""What printed means say of areas: exact likelihood, draws that keep to the table."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from calibrant.errors import InputError
from calibrant.priorities import posterior_of_table, table_posterior
from calibrant.priorities.tables.fits import Fits
from calibrant.priorities.tables.model import Problem, answers, mean_rating, sums

TABLE = {
    "area": ["a", "b", "c", "d", "e", "f"],
    "I": ["4.75", "4.00", "3.60", "3.14", "2.67", "4.33"],
    "T": ["4.25", "3.75", "3.50", "3.00", "2.33", "4.00"],
    "P": ["20.19", "15.00", "12.60", "9.43", "6.22", "17.33"],
    "n": ["4", "5", "5", "7", "3", "3"],
}


def test_the_chance_of_a_sum_is_that_of_all_its_compositions() -> None:
    p = answers(np.array([[2.2, 4.9]]), np.array([[0.9, 0.9]]), (1, 5))
    for n, total in ((1, 4), (3, 7), (4, 0), (4, 16), (5, 9)):
        got = sums(p, np.array([n]), np.array([total]))[0, 0]
        for node in range(2):
            plain = sum(
                np.prod([p[0, node, k] for k in each])
                for each in product(range(5), repeat=n)
                if sum(each) == total
            )
            assert got[node] == pytest.approx(plain, rel=1e-12)


def test_the_mean_rating_is_that_of_the_answers() -> None:
    level = np.linspace(-3, 9, 13)
    within = np.full(13, 0.7)
    p = answers(level, within, (1, 5))
    assert p.sum(axis=-1) == pytest.approx(np.ones(13), abs=1e-14)
    assert p @ np.arange(1, 6) == pytest.approx(mean_rating(level, within, (1, 5)), abs=1e-12)


def test_a_table_gives_draws_of_its_areas() -> None:
    found = table_posterior(TABLE, draws=400, seed=1)
    areas = found.areas
    assert areas.areas == tuple("abcdef")
    assert set(areas.draws) == {"importance", "tractability"}
    for draws in areas.draws.values():
        assert draws.shape == (400, 6)
        assert draws.min() >= 1 and draws.max() <= 5
    middle = areas.draws["importance"].mean(axis=0)
    # Few ratings: drawn towards the others, in the same order.
    assert middle[4] > 2.67 and middle[0] < 4.75
    assert middle[0] > middle[3] > middle[4]
    # b: 3.75 is 15 of 4 among 5 respondents, one of whom did not know.
    assert (found.answers["tractability"][:, 1] == 4).all()
    assert (found.answers["importance"][:, 1] == 5).all()
    again = posterior_of_table(TABLE, draws=400, seed=1)
    assert (again.draws["importance"] == areas.draws["importance"]).all()


def test_what_fits_nothing_is_left_out_and_named() -> None:
    table = {**TABLE, "I": ["4.70", *TABLE["I"][1:]]}
    found = table_posterior(table, draws=100)
    assert found.left_out == ("a",)
    assert any("left out" in n and n.endswith(": a") for n in found.areas.notes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"T": None}, "two questions"),
        ({"I": ["5.75", *TABLE["I"][1:]]}, "outside the scale 1 to 5"),
        ({"n": ["0", *TABLE["n"][1:]]}, "wanted 1 to"),
        ({"n": ["201", *TABLE["n"][1:]]}, "at most 60 respondents"),
        ({"I": ["", *TABLE["I"][1:]]}, "row 1: I is empty"),
        ({"I": ["four", *TABLE["I"][1:]]}, "wanted a decimal number"),
    ],
)
def test_wrong_tables_are_refused(change: dict[str, list[str] | None], said: str) -> None:
    table = {k: v for k, v in {**TABLE, **change}.items() if v is not None}
    with pytest.raises(InputError, match=said):
        posterior_of_table(table, draws=100)


@pytest.mark.parametrize("larger", [True, False])
@pytest.mark.parametrize("raw", [-40.0, -2.0, 0.0, 9.0, 40.0])
def test_numbers_of_answers_have_chances_that_sum_to_one(raw: float, larger: bool) -> None:
    n, fewest = 6, 2
    pairs = [(a, b) for a in range(fewest, n + 1) for b in range(fewest, n + 1)
             if not larger or max(a, b) == n]  # fmt: skip
    first, second = (np.array(x) for x in zip(*pairs, strict=True))
    zero = np.zeros(len(pairs), dtype=np.int64)
    found = Fits(
        zero, {"i": first, "t": second}, {"i": first, "t": second}, np.zeros(1, dtype=bool)
    )
    problem = Problem(found, np.array([n]), np.array([fewest]), False, larger, (1, 5))
    point = np.zeros((1, 8))
    point[0, 7] = raw
    assert problem.weights(point).sum() == pytest.approx(1, rel=1e-9)
