"""Instruments set against priorities."""

import numpy as np
import pytest

from calibrant.assurance.coverage import TAXONOMY, cover, read_declared
from calibrant.assurance.coverage_figure import coverage_figure
from calibrant.assurance.coverage_of import coverage_of
from calibrant.errors import InputError
from calibrant.instruments import NAMES
from calibrant.instruments.areas import Declared, shipped
from calibrant.instruments.core import Touch
from calibrant.priorities.posterior import AreaPosterior
from calibrant.priorities.taxonomy import load_taxonomy


@pytest.fixture
def posterior():
    """Five areas whose order is known, and one that a single respondent rated."""
    rng = np.random.default_rng(0)
    middle = np.array([4.8, 4.2, 3.6, 3.0, 2.0, 5.0])
    draws = {
        q: middle + 0.1 * rng.standard_normal((400, 6)) for q in ("importance", "tractability")
    }
    n = dict.fromkeys(draws, np.array([5, 5, 5, 5, 5, 1]))
    return AreaPosterior(("4d", "8c", "6a", "7d", "1e", "12a"), draws, n, "made")


def test_declared_areas_exist_and_claim_little():
    taxonomy = load_taxonomy(TAXONOMY)
    declared = shipped()
    assert {d.instrument for d in declared} >= set(NAMES)
    for d in declared:
        for touch in d.areas:
            assert touch.area in taxonomy and touch.why and 0 < touch.weight <= 0.5


def test_certificates_that_are_named_exist():
    from calibrant.cli.certify import SCIENCES
    from calibrant.stats.certificates.registry import MODULES

    assert {d.certificates for d in shipped()} - {None} <= {*SCIENCES, *MODULES}


def test_coverage_by_hand(posterior):
    declared = [
        Declared("a", (Touch("1e", 0.5, "x"), Touch("6a", 0.1, "y")), None),
        Declared("b", (Touch("1e", 0.2, "z"),), "probes"),
        Declared("c", (), None),
    ]
    found = cover(posterior, declared, top=2, names={"4d": "Emergence", "2a": "Unrated"})
    by = {a.id: a for a in found.areas}
    assert by["1e"].coverage == pytest.approx(1 - 0.5 * 0.8) and by["1e"].certified
    assert [a.id for a in found.gaps][:2] == ["4d", "8c"]
    assert [a.id for a in found.spare] == ["1e"]
    assert {a.id for a in found.unknown} == {"12a", "2a"}
    assert found.untouched == ("c",)
    assert found.expected_untested == pytest.approx(2.0, abs=0.05)
    assert by["4d"].name == "Emergence" and by["6a"].tested is False
    assert found.to_dict()["tested_unimportant"] == ["1e"]
    assert "<svg" in coverage_figure(found).svg()


def test_verdicts_count_for_the_instruments_that_claims_used(posterior):
    from types import SimpleNamespace as Some

    claim = Some(claim=Some(instrument="secret_keeping"), verdict="refuted")
    other = Some(claim=Some(instrument="nobody's\x1b[2J"), verdict="supported")
    found = cover(posterior, shipped(), assessments=[Some(claims=[claim, claim, other])], top=2)
    by = {a.id: a for a in found.areas}
    assert by["6a"].verdicts["refuted"] == 2
    assert any("declare no areas" in n and "\x1b" not in n for n in found.notes)


def test_own_declarations(tmp_path, posterior):
    table = tmp_path / "map.csv"
    table.write_text("instrument,area,weight\nmine,CBRN evaluations,0.5\nmine,4d,\n")
    yaml = tmp_path / "map.yaml"
    yaml.write_text("mine:\n  8c: 0.5\n  4d: 0.25\n")
    for path in (table, yaml):
        found = coverage_of(posterior, instruments=path, only_mine=True, top=2)
        by = {a.id: a.coverage for a in found.areas}
        assert (by["8c"], by["4d"]) == (0.5, 0.25)


@pytest.mark.parametrize(("name", "text", "said"), [
    ("m.csv", "instrument,area\nx,99z\n", "row 1: .*no area"),
    ("m.csv", "instrument,area,weight\nx,4d,2\n", "weight: wanted above 0"),
    ("m.csv", "instrument,area,weight\nx,4d,nan\n", "weight"),
    ("m.csv", "instrument,area\n,4d\n", "empty cell"),
    ("m.csv", "name\nx\n", "no column instrument, area"),
    ("m.yaml", "- a\n", "wanted a mapping"),
    ("m.yaml", "a: 3\n", "a list of areas"),
    ("m.yaml", "a: [\n", "cannot be read"),
])  # fmt: skip
def test_declarations_that_are_wrong(tmp_path, name, text, said):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_declared(path, lambda text: load_taxonomy(TAXONOMY).find(text).id)


def test_another_taxonomy_gets_none_of_our_declarations():
    rng = np.random.default_rng(0)
    draws = {q: rng.uniform(1, 5, (300, 4)) for q in ("importance", "tractability")}
    n = dict.fromkeys(draws, np.full(4, 5))
    found = coverage_of(AreaPosterior(("x", "y", "z", "w"), draws, n, "made"), top=1)
    assert all(a.coverage == 0 for a in found.areas)
    assert any(TAXONOMY in note for note in found.notes)


def test_a_top_as_large_as_all(posterior):
    with pytest.raises(InputError, match="top"):
        cover(posterior, shipped(), top=5)
