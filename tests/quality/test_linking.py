"""Links against published constants, drifting and turned anchors, and the command."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from calibrant.cli import main
from calibrant.errors import InputError
from calibrant.quality.bank import Bank, two_pl, write_bank
from calibrant.quality.linking import certificates, link, link_banks
from calibrant.quality.linking.scale import METHODS, Points, constants, on_scale
from calibrant.stats.certificates import measure_certificate

# Twelve common items of Kolen and Brennan, Test Equating (2004), table 6.5, with the abilities and
# weights of their program STUIRT, and its constants.
NEW = np.array([
    [0.4551, -0.7101, 0.2087], [0.5839, -0.8567, 0.2038], [0.7544, 0.0212, 0.1600],
    [0.6633, 0.0506, 0.1240], [1.0690, 0.9610, 0.2986], [0.9672, 0.1950, 0.0535],
    [0.3479, 2.2768, 0.1489], [1.4579, 1.0241, 0.2453], [1.8811, 1.4062, 0.1992],
    [0.7020, 2.2401, 0.0853], [1.4080, 1.5556, 0.0789], [1.2993, 2.1589, 0.1075],
])  # fmt: skip
OLD = np.array([
    [0.4416, -1.3349, 0.1559], [0.5730, -1.3210, 0.1913], [0.5987, -0.7098, 0.1177],
    [0.6041, -0.3539, 0.0818], [0.9902, 0.5320, 0.3024], [0.8081, -0.1156, 0.0648],
    [0.4140, 2.5538, 0.2410], [1.3554, 0.5811, 0.2243], [1.0417, 0.9392, 0.1651],
    [0.6336, 1.8960, 0.0794], [1.1347, 1.0790, 0.0630], [0.9255, 2.1337, 0.1259],
])  # fmt: skip
AT = np.array([-4, -3.111, -2.222, -1.333, -0.4444, 0.4444, 1.333, 2.222, 3.111, 4])
NEW_WEIGHTS = np.array([
    0.0001008, 0.00276, 0.03021, 0.142, 0.3149, 0.3158, 0.1542, 0.03596, 0.003925, 0.0001862,
])  # fmt: skip
OLD_WEIGHTS = np.array([
    0.0001173, 0.003242, 0.03449, 0.1471, 0.3148, 0.311, 0.1526, 0.03406, 0.00251, 0.0001116,
])  # fmt: skip
PUBLISHED = {
    "mean-sigma": (1.168891, -0.515543), "mean-mean": (1.217266, -0.557156),
    "haebara": (1.067800, -0.471281), "stocking-lord": (1.083417, -0.487619),
}  # fmt: skip


def _bank(rows) -> Bank:
    return two_pl(1.7 * rows[:, 0], rows[:, 1], guessing=rows[:, 2])


GRADED = Bank(
    "grm", tuple("abcdef"), np.array([1.3, -0.7, 1, 2, 0.8, 1.5]),
    np.column_stack([np.linspace(0, 2, 6), np.linspace(-2, 1, 6) - 0.5]), np.zeros(6),
    np.tile([0, 1, 2.0], (6, 1)),
)  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_published_constants(method):
    points = Points(AT, OLD_WEIGHTS, AT, NEW_WEIGHTS)
    found = constants(_bank(OLD), _bank(NEW), method, points=points)
    np.testing.assert_allclose(found, PUBLISHED[method], atol=3e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("model", ["2pl", "grm", "gpcm"])
def test_a_bank_on_another_scale_comes_back(method, model):
    old = two_pl(np.array([1, 2, -0.5, 1.2]), np.array([0, 1, -1, 0.3]))
    old = old if model == "2pl" else replace(GRADED, model=model)
    new = on_scale(old, 1 / 1.25, -0.4 / 1.25)  # old = 1.25 new + 0.4
    found = link_banks(old, new, method)
    np.testing.assert_allclose([found.slope, found.shift], [1.25, 0.4], atol=1e-6)
    theta = np.array([-1.0, 0, 2])
    np.testing.assert_allclose(
        found.bank.probabilities(found.ability(theta)), new.probabilities(theta), atol=1e-9
    )
    np.testing.assert_allclose([found.bank.mean, found.bank.sd], [0, 1], atol=1e-6)
    assert not found.dropped


def test_the_error_of_a_moved_bank_is_that_of_its_moved_parameters():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(6, 3, 3)) * 0.1
    bank = replace(GRADED, covariance=root @ root.transpose(0, 2, 1))
    moved = on_scale(bank, 1.3, 0.5)
    for j in range(6):
        step = np.zeros(3)
        turn = np.zeros((3, 3))
        for k in range(3):
            step[:] = np.eye(3)[k]
            bent = replace(
                bank, discrimination=bank.discrimination + step[0],
                intercepts=bank.intercepts + step[1:],
            )  # fmt: skip
            there = on_scale(bent, 1.3, 0.5)
            turn[0, k] = there.discrimination[j] - moved.discrimination[j]
            turn[1:, k] = there.intercepts[j] - moved.intercepts[j]
        np.testing.assert_allclose(
            moved.covariance[j], turn @ bank.covariance[j] @ turn.T, atol=1e-12
        )


@pytest.mark.parametrize("method", METHODS)
def test_item_errors_are_the_spread_of_links_from_drawn_items(method):
    rng = np.random.default_rng(1)
    old = two_pl(np.linspace(0.7, 1.8, 10), np.linspace(-1.5, 1.5, 10))
    old = replace(old, covariance=np.tile(np.diag([0.002, 0.003]), (10, 1, 1)))
    new = on_scale(old, 0.8, -0.3)
    found = link_banks(old, new, method, purify=False)

    def drawn(bank):
        step = np.einsum(
            "jkl,jl->jk", np.linalg.cholesky(bank.covariance), rng.normal(size=(10, 2))
        )
        return replace(
            bank, discrimination=bank.discrimination + step[:, 0],
            intercepts=bank.intercepts + step[:, 1:],
        )  # fmt: skip

    links = np.array([constants(drawn(old), drawn(new), method) for _ in range(60)])
    np.testing.assert_allclose(found.item_errors, links.std(axis=0), rtol=0.4)


def _drifted():
    regime = {"model": "2pl", "anchors": 20, "subjects": 1000, "drifting": 3}
    return certificates.draw(regime, np.random.default_rng(5))


def test_drifting_anchors_are_named_and_left_out():
    old, new, _ = _drifted()
    found = link_banks(old, new)
    assert set(found.dropped) == {"item 1", "item 2", "item 3"}
    shift = next(a for a in found.anchors if a.item == "item 1").shift
    assert shift == pytest.approx(certificates.DRIFT, abs=0.4)
    assert abs(found.shift - 0.5) < abs(found.all_anchors[1] - 0.5) and found.effect != 0


def test_a_turned_anchor_is_named():
    old, new, _ = _drifted()
    a = new.discrimination.copy()
    a[10] *= -1
    found = link_banks(old, replace(new, discrimination=a))
    assert next(x for x in found.anchors if x.item == "item 11").reason == "turned round"
    assert any("item 11" in n and "key" in n for n in found.notes)


def test_what_cannot_be_linked_is_refused():
    old, new, _ = _drifted()
    with pytest.raises(InputError, match="at least 3 items in both banks, got 2"):
        link_banks(old, new.select([0, 1]))
    with pytest.raises(InputError, match="at least 3 the same way round in both banks, got 0"):
        link_banks(old, replace(new, discrimination=-new.discrimination))
    with pytest.raises(InputError, match="do not compare"):
        link_banks(GRADED, replace(GRADED, model="gpcm"))
    with pytest.raises(InputError, match="the same scores in both banks"):
        link_banks(GRADED, replace(GRADED, values=GRADED.values * 2))
    with pytest.raises(InputError, match="anchor 'x'"):
        link_banks(old, new, anchors=["x"])
    flat = replace(new, discrimination=np.zeros(20))
    with pytest.raises(InputError, match="anchors"):
        link_banks(replace(old, discrimination=np.zeros(20)), flat)


def test_the_command_links_two_banks(tmp_path, capsys):
    old, new, _ = _drifted()
    write_bank(old, tmp_path / "old.json")
    write_bank(new, tmp_path / "new.json")
    paths = [str(tmp_path / "old.json"), str(tmp_path / "new.json")]
    with pytest.raises(SystemExit):
        main(["items", "link", *paths, "--json", "-o", str(tmp_path / "moved.json")])
    told = json.loads(capsys.readouterr().out)
    found = link(*paths)
    assert told["slope"] == pytest.approx(found.slope)
    np.testing.assert_allclose(
        json.loads((tmp_path / "moved.json").read_text())["discrimination"],
        found.bank.discrimination,
    )
    with pytest.raises(SystemExit):
        main(["items", "link", *paths, "--figure", str(tmp_path / "f.svg")])
    assert "drifted" in capsys.readouterr().out and (tmp_path / "f.svg").exists()


def test_links_hold_their_promise():
    certificate = replace(
        certificates.CERTIFICATES[0], regimes=certificates.CERTIFICATES[0].regimes[:1], beyond=(),
        batch_draws=25,
    )  # fmt: skip
    for measured in measure_certificate(certificate, draws=25):
        assert not measured.broken
