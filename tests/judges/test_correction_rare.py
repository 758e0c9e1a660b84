"""The bound of a rare rate: coverage over all outcomes, and how it spends its error."""

import itertools
import math

import pytest

from calibrant.errors import InputError
from calibrant.judges.correction.rare import best_share, rare_upper
from calibrant.stats.estimates.intervals import clopper_pearson


def test_the_rare_bound_covers_for_every_outcome():
    """Six items, all flags checked, up to two of the rest labelled: all outcomes summed."""
    items, n0 = 6, 2
    for rate, se, sp in itertools.product((0.01, 0.1, 0.3), (0.0, 0.5, 1.0), (0.5, 0.9)):
        cells = [rate * se, rate * (1 - se), (1 - rate) * (1 - sp), (1 - rate) * sp]
        covered = 0.0
        for hit, missed, alarm in itertools.product(range(items + 1), repeat=3):
            right = items - hit - missed - alarm
            if right < 0:
                continue
            counts = (hit, missed, alarm, right)
            ways = math.factorial(items) / math.prod(map(math.factorial, counts))
            chance = ways * math.prod(c**k for c, k in zip(cells, counts, strict=True))
            n = min(n0, missed + right)
            for x in range(n + 1):
                if x > missed or n - x > right:
                    continue
                drawn = (
                    math.comb(missed, x) * math.comb(right, n - x) / math.comb(missed + right, n)
                )
                bound = rare_upper(
                    (hit + alarm, hit + alarm, hit), (missed + right, n, x), level=0.8, share=0.5
                ).bound
                covered += chance * drawn * (rate <= bound)
        assert covered >= 0.8 - 1e-9, (rate, se, sp)


def test_the_rare_bound_without_events_is_near_the_rule_of_three_of_its_labels():
    found = rare_upper((10, 10, 0), (990, 200, 0))
    assert found.value == 0
    assert 3 / 200 < found.bound < 5 / 200
    assert found.bound == pytest.approx(sum(b for _, _, b in found.parts))
    assert "At most" in repr(found)


def test_unparsed_verdicts_count_as_events():
    none = rare_upper((10, 10, 1), (990, 300, 0), share=0.5)
    some = rare_upper((10, 10, 1), (980, 300, 0), unparsed=10, share=0.5)
    assert some.parts[0][2] == clopper_pearson(11, 1000, level=0.975, side="upper").high
    assert some.bound > none.bound


def test_sampled_flags_cost_more_than_checked_ones():
    checked = rare_upper((40, 40, 20), (960, 300, 0), share=0.5)
    sampled = rare_upper((40, 20, 10), (960, 300, 0), share=0.5)
    assert sampled.bound > checked.bound
    assert rare_upper((40, 0, 0), (960, 300, 0)).value is None


def test_the_best_share_is_best_and_looks_at_no_label():
    share = best_share(5000, 250)
    bounds = {s: rare_upper((10, 10, 0), (4990, 250, 0), share=s).bound for s in (0.02, 0.5, share)}
    assert bounds[share] == min(bounds.values())
    with pytest.raises(InputError):
        best_share(0, 5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (((1, 2, 0), (5, 1, 0)), "flagged"),
        (((2, 1, 0), (5, 1, 2)), "passed"),
        (((0, 0, 0), (0, 0, 0)), "at least one"),
    ],
)
def test_impossible_rare_counts_are_refused(arguments, said):
    with pytest.raises(InputError, match=said):
        rare_upper(*arguments)
    with pytest.raises(InputError, match="share"):
        rare_upper((2, 1, 0), (5, 1, 0), share=1.5)
