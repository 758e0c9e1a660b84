"""Tables of `calibrant items`: lines that fit, numbers whole, names told apart."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from calibrant.cli.items.tables import name_of, print_table

HASHES = [f"{i:02d}{'ab3f' * 15}{i:02d}" for i in range(5)]


def printed(capsys, monkeypatch, columns, *args, **more):
    if columns:
        monkeypatch.setenv("COLUMNS", str(columns))
    else:
        monkeypatch.delenv("COLUMNS", raising=False)
    print_table(*args, **more)
    return capsys.readouterr().out.splitlines()


def test_names_are_cut_in_the_middle_and_numbers_never(capsys, monkeypatch):
    rows = [[h, "-0.123456", "1,234,567"] for h in HASHES]
    heads = ["item", "a value", "a count of things"]
    lines = printed(capsys, monkeypatch, 40, heads, rows)
    body = lines[-5:]
    assert all(len(line) <= 40 for line in lines) and len({len(line) for line in body}) == 1
    assert all("-0.123456" in b and "1,234,567" in b and b.count("…") == 1 for b in body)
    assert [b[:2] for b in body] == [h[:2] for h in HASHES]
    whole = printed(capsys, monkeypatch, None, heads, rows)
    assert whole[0].split("  ")[-1] == "a count of things" and HASHES[0] in whole[1]


def test_names_that_differ_only_where_they_would_be_cut_stay_apart(capsys, monkeypatch):
    names = [f"organisation/some-model-instruct-{i:03d}-2024-05-01" for i in range(40)]
    lines = printed(capsys, monkeypatch, 30, ["subject", "score"], [[n, "0.50"] for n in names])
    assert len(set(lines)) == 41 and max(map(len, lines)) <= 30


def test_hostile_and_wide_names_keep_columns_in_line(capsys, monkeypatch):
    names = ["\x1b[31mred", "模型" * 30, "a\nb", "[bold]x[/bold]", "x" * 500]
    lines = printed(capsys, monkeypatch, 50, ["subject", "n"], [[n, "7"] for n in names])
    assert len(lines) == 6 and len({cell_len(line) for line in lines}) == 1
    assert "\x1b" not in "".join(lines) and "[bold]x[/bold]" in lines[4]
    assert cell_len(name_of("模型" * 30, 11)) <= 11


def test_sentences_wrap_in_their_own_column_and_no_rows_print_nothing(capsys, monkeypatch):
    rows = [["families", "why " * 30]]
    lines = printed(
        capsys, monkeypatch, 60, ["finding", "why"], rows, names=(), words=(0,), prose=True
    )
    assert all(len(line) <= 60 for line in lines) and len(lines) > 2
    assert all(line.startswith(" " * 10 + "why") for line in lines[2:])
    assert printed(capsys, monkeypatch, 60, ["a"], [], heading="none") == []


@pytest.mark.parametrize("columns", [20, 80, 200])
def test_a_table_of_numbers_alone_is_never_cut(capsys, monkeypatch, columns):
    lines = printed(
        capsys, monkeypatch, columns, ["a long head", "b"], [["1.25", "22222222"]], names=()
    )
    assert lines[-1].split() == ["1.25", "22222222"]
