"""Figures: everything inside, hostile names harmless, files by their ending, rows as they are."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import polars as pl
import pytest

from calibrant import compare, measure, plan, plot_comparisons, plot_measurements
from calibrant._figure import Figure, shorten
from calibrant.errors import InputError
from calibrant.records import trials_frame

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '</text><script>alert(1)</script>"\x1b[2J\u202e\ud800&' + "y" * 300


def trials(subject="s", scores=(1, 0, 0, 1, 0, 0, 0, 0, 1, 0), instrument="i", grader="leaked"):
    return trials_frame(
        {"run": "r", "subject": subject, "instrument": instrument, "item": f"item{i}",
         "cluster": None, "epoch": 1, "grader": grader,
         "score": None if s is None else float(s), "error": "x" if s is None else None}
        for i, s in enumerate(scores)
    )  # fmt: skip


def texts(figure):
    root = ET.fromstring(figure.svg())
    return ["".join(e.itertext()) for e in root.iter(f"{SVG}text")]


def drawn():
    name = HOSTILE.replace("\ud800", "")
    rows = pl.concat([trials(name), trials("plain", [None, 0, 1, 1, 0, 1, 1, 0, 1, 0])])
    found = measure(rows, declared={name: 0.05})
    pair = compare(rows, name, "plain", margin=0.2)
    return {
        "measurement": found[0].plot(),
        "forest": plot_measurements(found),
        "comparison": pair[0].plot(),
        "plan": plan(below=0.2, if_really=0.05).plot(),
    }


@pytest.fixture(scope="module")
def figures():
    return drawn()


@pytest.mark.parametrize("name", ["measurement", "forest", "comparison", "plan"])
def test_a_figure_is_whole_and_harmless(figures, name):
    figure = figures[name]
    svg = figure.svg()
    root = ET.fromstring(svg)
    assert {e.tag for e in root.iter()} <= {
        SVG + t for t in ("svg", "g", "path", "line", "rect", "text", "title", "desc", "defs",
                          "clipPath", "tspan")
    }  # fmt: skip
    for element in root.iter():
        for key, value in element.attrib.items():
            assert not key.lower().startswith("on")
            assert "href" not in key and "http" not in value
    assert "\x1b" not in svg and "\u202e" not in svg and "<script" not in svg
    assert root.find(f"{SVG}title") is not None
    assert '"url"' not in json.dumps(figure.to_dict())
    assert figure._repr_html_() == svg
    assert figure.svg() == svg


def test_files_follow_their_ending(figures, tmp_path):
    figure = figures["forest"]
    for ending, starts in ((".svg", b"<svg"), (".png", b"\x89PNG"), (".html", b"<!doctype html>")):
        path = figure.save(tmp_path / f"a{ending}")
        assert path.read_bytes().startswith(starts)
    assert b"<script" not in (tmp_path / "a.html").read_bytes()
    spec = json.loads(figure.save(tmp_path / "a.JSON").read_text())
    assert spec["layer"] and spec["$schema"].endswith(".json")


@pytest.mark.parametrize("path", ["a.pdf", "a", "missing/a.svg"])
def test_files_that_cannot_be_are_refused(figures, tmp_path, path):
    with pytest.raises(InputError) as caught:
        figures["forest"].save(tmp_path / path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_measurement_shows_its_interval_and_budget():
    (m,) = measure(trials(), declared={"grader": 0.1})
    figure = m.plot()
    shown = texts(figure)
    assert m._repr_html_() == figure.svg()
    assert {"grader", "A", "B", "combined"} <= set(shown)
    assert any(t.startswith("0.3 [") for t in shown)
    assert [t for t in shown if t.endswith(" %")] == [f"{r['share'] * 100:.0f} %" for r in m.budget]
    ends = [
        v for layer in figure.spec["layer"] for v in layer["data"]["values"] if "high" in v
    ]  # fmt: skip
    assert (ends[0]["low"], ends[0]["high"]) == pytest.approx(m.interval)


def test_a_forest_has_a_row_for_each_and_names_only_what_differs():
    rows = pl.concat([trials("a"), trials("b"), trials("c", [None] * 3)])
    found = measure(rows)
    shown = texts(plot_measurements(found))
    assert [t for t in shown if t in "abc"] == ["a", "b", "c"]
    assert "leaked on i" in shown
    assert "no scores" in shown
    two = pl.concat([trials("a"), trials("a", instrument="other")])
    assert "on other" in texts(plot_measurements(measure(two)))


def test_one_sided_intervals_without_an_end_are_drawn():
    means = trials().with_columns(pl.col("score") * 2.5 + 0.3)
    for side, shown in (("upper", "[−∞, "), ("lower", ", ∞]")):
        (m,) = measure(means, side=side)
        assert any(shown in t for t in texts(m.plot()))


def test_a_comparison_shows_the_margin_and_the_flips():
    rows = pl.concat([trials("a", [1, 1, 1, 0, 1, 1]), trials("b", [0, 0, 1, 1, 1, 1])])
    found = compare(rows, "a", "b", margin=0.9)
    shown = texts(found[0].plot())
    assert {"2", "1", "A = a, B = b"} <= set(shown)
    assert any("margin 0.9" in t for t in shown)
    assert found[0]._repr_html_() == plot_comparisons(found).svg()


def test_a_plan_draws_every_design_with_its_marks():
    plans = plan(above=0.8, if_really=0.95)
    figure = plans.plot()
    shown = texts(figure)
    assert {"fixed", "curtailed", "sprt", "anytime", "α = 0.05", "1 − β = 0.9", "Wald’s bound",
            "threshold 80 %", "if really 95 %"} <= set(shown)  # fmt: skip
    rows = figure.spec["data"]["values"]
    assert {r["design"] for r in rows} == {"fixed", "curtailed", "sprt", "anytime"}
    assert plans._repr_html_() == figure.svg()


def test_nothing_and_too_much_are_refused():
    (m,) = measure(trials())
    with pytest.raises(InputError, match="wanted 1–200 rows"):
        plot_measurements([])
    with pytest.raises(InputError, match="wanted 1–200 rows"):
        plot_measurements([m] * 201)
    rows = pl.concat([trials("a"), trials("b"), trials("c")])
    with pytest.raises(InputError, match="one pair"):
        plot_comparisons([*compare(rows, "a", "b"), *compare(rows, "a", "c")])


def test_long_names_keep_both_ends():
    name = "provider/model-with-a-very-long-name-20260101"
    short = shorten(name, 20)
    assert len(short) == 20
    assert short.startswith("provider/") and short.endswith("60101")
    assert shorten("short", 20) == "short"


def test_ids_do_not_meet_in_one_page(figures):
    plans = [
        plan(below=0.2, if_really=0.05).plot().svg(),
        plan(below=0.3, if_really=0.1).plot().svg(),
    ]
    one, two = ({e.get("id") for e in ET.fromstring(s).iter() if e.get("id")} for s in plans)
    assert one and two and not one & two
    for svg, ids in zip(plans, (one, two), strict=True):
        assert all(f"url(#{i})" in svg for i in ids)


def test_titles_are_escaped_in_pages(tmp_path):
    spec = plan(below=0.2, if_really=0.05).plot().spec
    page = Figure(spec, "<b>&", '"><script>x').save(tmp_path / "a.html").read_text()
    assert "<b>" not in page and "<script>" not in page
    assert "&lt;b&gt;&amp;" in page


def curves(svg):
    """The points of the long lines of a figure: these do not depend on the machine's fonts."""
    paths = [e.get("d", "") for e in ET.fromstring(svg).iter(f"{SVG}path")]
    found = [re.findall(r"-?[0-9.]+", d) for d in paths if d.count("L") > 20]
    return [[float(x) for x in numbers] for numbers in found]


def test_the_figure_in_the_docs_is_current():
    file = Path(__file__).parents[2] / "docs" / "figures" / "plan.svg"
    if not file.exists():
        pytest.skip("the docs are not beside an installed package")
    now = plan(below=0.02, if_really=0.005).plot().svg()
    kept = file.read_text(encoding="utf-8")
    assert len(curves(now)) == len(curves(kept)) >= 8
    for a, b in zip(curves(now), curves(kept), strict=True):
        assert a == pytest.approx(b, abs=0.01)
    words = [["".join(e.itertext()) for e in ET.fromstring(s).iter(f"{SVG}text")]
             for s in (now, kept)]  # fmt: skip
    assert words[0] == words[1]
