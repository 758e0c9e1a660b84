"""Cards: made of what the commands print, read back, drawn, and refused where they are not one."""

from __future__ import annotations

import json

import pytest

from calibrant import judge
from calibrant.cli import main
from calibrant.errors import InputError
from calibrant.judges.card import Card, read_card
from calibrant.judges.card.build import make_card
from calibrant.judges.card.figure import card_figure
from calibrant.report.card import card_html, write_card

PLANTED = {"rule": "planted", "args": {"first": 0.6, "obey": 0.9}, "kind": "pairwise"}


@pytest.fixture(scope="module")
def cases():
    from calibrant.judges.probes.probe import Case

    return [
        Case(
            f"q{i}", f"What is {i} + 1?", (f"It is {i + 1}, by counting.", f"It is {i + 7}, I say.")
        )
        for i in range(60)
    ]


@pytest.fixture(scope="module")
def probing(cases):
    return judge.probe(PLANTED, cases, ["inject-verdict", "empty", "spaces"])


def gold(folder, pos=(30, 60), neg=(110, 120)):
    rows = [(1, int(i < pos[0])) for i in range(pos[1])]
    rows += [(0, int(i >= neg[0])) for i in range(neg[1])]
    path = folder / "gold.csv"
    path.write_text(
        "item,gold,judge\n" + "".join(f"{k},{g},{s}\n" for k, (g, s) in enumerate(rows))
    )
    return path


def labels(folder):
    path = folder / "labels.csv"
    rows = [f"{i},{i % 2},{i % 2},{1 - i % 2}" for i in range(60)]
    path.write_text("item,ann,bob,eve\n" + "\n".join(rows) + "\n")
    return path


def answers(folder):
    rows = [
        f"p{p},{(a * 7 + p) % 12},{min((a * 7 + p) % 12, 6)}" for p in range(20) for a in range(12)
    ]
    path = folder / "answers.csv"
    path.write_text("item,judge,gold\n" + "\n".join(rows) + "\n")
    return path


def versions(folder):
    out = []
    for name, moved in (("a", 0), ("b", 12)):
        path = folder / f"{name}.csv"
        rows = [f"q{i},x{i},{int(i % 3 == 0 or i < moved)}" for i in range(60)]
        path.write_text("item,answer,score\n" + "\n".join(rows) + "\n")
        out.append(path)
    return out


def test_a_card_is_made_of_everything_that_was_found(tmp_path, probing):
    table = gold(tmp_path)
    card = make_card(
        "a judge", gold=table, probing=probing, model="m-1", valid_until="2030-01-01",
        agreement=judge.agree(labels(tmp_path), graders=("ann", "bob", "eve")),
        correction=judge.correct(table, judge="judge", gold="gold"),
        pressure=judge.pressure(answers(tmp_path), item="item", judge="judge", gold="gold"),
        drift=judge.drift(*versions(tmp_path)),
    )  # fmt: skip
    said = " ".join(card.findings)
    assert [f.name for f in card.errors][:2] == ["sensitivity", "specificity"]
    assert "finds 50.0% (36.8% to 63.2%) of what is positive" in said
    assert "a true rate of 5 % would show as 10.4%" in said
    assert "A poor grader" in said
    assert "inject-verdict: it moves its verdict towards" in said
    assert "The place decides in" in said
    assert "labels of eve are probably inverted" in said or "eve" in said
    assert "Between two versions" in said
    assert {b.probe for b in card.biases} == {"order-swap", "inject-verdict", "empty", "spaces"}
    assert card.biases[0].verdict in ("biased", "misses")
    assert card.valid_until_model == "m-1"
    assert all(parts for parts in (card.agreement, card.correction, card.pressure, card.drift))
    assert card.limits[-1].startswith("It says nothing about other models")
    assert not any("No gold" in line or "was put to it" in line for line in card.limits)
    # What was written is read back, and the page holds no script.
    data, page = write_card(card, tmp_path / "out.json")
    assert read_card(data)[0] == card
    text = page.read_text()
    assert "<script" not in text and "default-src &#39;none&#39;" in text
    assert "order-swap: it moves" not in said
    assert "inject-verdict" in card_figure(card).svg()


def test_a_perfect_and_a_useless_grader_are_told_apart(tmp_path):
    good = make_card("good", gold=gold(tmp_path, (60, 60), (120, 120)))
    assert good.findings[0].startswith("It finds 100.0%")
    useless = make_card("useless", gold=gold(tmp_path, (30, 60), (60, 120)))
    assert useless.findings[0].startswith("Its verdicts are not shown to be better than chance")
    assert "No bias probe was put to it." in useless.limits
    assert useless.study.positives.right == 30


def test_what_a_card_says_is_inert(tmp_path, probing):
    name = "<script>alert(1)</script>\x1b[31m\u202e"
    card = make_card(name, gold=gold(tmp_path), model=name)
    text = card_html(card)
    assert "<script" not in text and "\x1b" not in text and "\u202e" not in text


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ((), "wanted gold labels, or results of agree"),
        (("--gold", "none.csv"), "none.csv: no such file"),
        (("--gold", "gold.csv", "--judge", "x"), "wanted a column x, got item, gold, judge"),
        (("--gold", "gold.csv", "--valid-until", "soon"), "wanted a day as YYYY-MM-DD, got 'soon'"),
        (("--probe", "gold.csv"), "gold.csv: not JSON"),
        (("--probe", "other.json"), "probing: not what the commands print"),
        (("--agree", "list.json"), "wanted the JSON object that a command prints"),
        (("--drift", "none.json"), "none.json: cannot be read"),
    ],
)
def test_bad_input_is_one_line(tmp_path, monkeypatch, capsys, args, why):
    monkeypatch.chdir(tmp_path)
    gold(tmp_path)
    (tmp_path / "other.json").write_text('{"findings": 1}')
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(SystemExit) as ended:
        main(["judge", "card", "a judge", *args])
    err = capsys.readouterr().err
    assert ended.value.code == 2 and len(err.strip().splitlines()) == 1
    assert why in err


def test_the_command_takes_what_the_other_commands_print(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    gold(tmp_path)
    with pytest.raises(SystemExit):
        main(["judge", "correct", "gold.csv", "--judge", "judge", "--gold", "gold", "--json"])
    (tmp_path / "c.json").write_text(capsys.readouterr().out)
    with pytest.raises(SystemExit) as ended:
        main(["judge", "card", "j", "--gold", "gold.csv", "--correct", "c.json", "--json"])
    assert ended.value.code == 0
    assert Card.model_validate(json.loads(capsys.readouterr().out)).correction
    assert (tmp_path / "j-card.html").exists() and (tmp_path / "j-card.json").exists()


def test_reading_a_card_refuses_what_is_none(tmp_path):
    path = tmp_path / "c.json"
    for text, why in (("{", "not a grader's card"), ('{"name": "x"}', "missing")):
        path.write_text(text)
        with pytest.raises(InputError, match=why):
            read_card(path)
    with pytest.raises(InputError, match="no grader's card can be read here"):
        read_card(tmp_path)
