"""Taxonomies: the one that is shipped, versions, other files, and what is refused."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.priorities.taxonomy import load_taxonomy, parse_taxonomy, shipped
from calibrant.priorities.taxonomy.apply import next_version
from calibrant.priorities.taxonomy.changes import Change
from calibrant.priorities.taxonomy.diff import diff

SHARED = Path("/work/shared/data/survey")

SMALL = {
    "id": "small",
    "categories": [
        {"id": "1", "name": "One", "areas": [{"id": "1a", "name": "A"}, {"id": "1b", "name": "B"}]},
        {"id": "2", "name": "Two", "areas": [{"id": "2a", "name": "C"}, {"id": "2b", "name": "D"}]},
    ],
}

CHANGES = [
    {"split": "1a", "into": [{"id": "1c", "name": "A1"}, {"id": "1d", "name": "A2"}]},
    {"merge": ["1b", "2a"], "into": {"id": "1e", "name": "BC"}, "why": "the same work"},
    {"rename": "2b", "name": "Dee"},
    {"move": "2b", "to": 1},
    {"add": {"id": 3, "name": "Three"}},
    {"add": {"id": "3a", "name": "New"}, "to": "3"},
    {"retire": "2"},
]


@pytest.fixture
def second(tmp_path):
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SMALL))
    path = tmp_path / "second.yaml"
    path.write_text(yaml.safe_dump({"extends": "small.yaml", "version": "2", "changes": CHANGES}))
    return path


def test_the_survey_of_2025_has_its_categories_and_areas():
    t = load_taxonomy("ai-safety-2025")
    assert (len(t.categories), len(t.areas)) == (20, 105)
    assert t.area("4d").name == "Emergence and task-specific scaling patterns"
    assert t.category_of("4d").id == "4"
    assert "8c" in t
    assert "8e" not in t
    assert t.find("managing value conflicts").id == "15b"
    assert t.find("8C").id == "8c"
    assert all(a.description.endswith(".") for a in t.areas)
    assert all(c.description.endswith(".") for c in t.categories)
    assert t.area("8c").short == "CBRN evaluations"
    assert repr(t) == "Taxonomy ai-safety-2025, version 1: 105 areas in 20 categories"
    assert shipped() == ("ai-safety-2025",)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the survey's data is not on this machine")
def test_names_are_the_papers_and_descriptions_are_not():
    t = load_taxonomy("ai-safety-2025")
    theirs = json.loads((SHARED / "taxonomy.json").read_text())["categories"]
    assert [c.name for c in t.categories] == [c["name"] for c in theirs]
    areas = [a for c in theirs for a in c["sub_areas"]]
    assert [(a.id, a.name) for a in t.areas] == [(a["id"], a["name"]) for a in areas]
    for a in areas:
        words = t.area(a["id"]).description.lower().rstrip(".").split()
        their = " ".join(a["description"].lower().split())
        runs = [" ".join(words[i : i + 6]) for i in range(len(words) - 5)]
        assert not [r for r in runs if r in their], a["id"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the survey's data is not on this machine")
@pytest.mark.parametrize("table", ["survey_table3.csv", "table1.csv", "table2.csv"])
def test_every_name_the_papers_tables_use_is_found(table):
    import csv

    t = load_taxonomy("ai-safety-2025")
    for row in csv.DictReader((SHARED / table).read_text().splitlines()):
        assert t.find(row["sub_area"]).id == row["taxonomy_id"]


def test_a_version_says_what_became_of_what(second):
    t = load_taxonomy(second)
    assert (t.id, t.version, t.versions) == ("small", "2", ("1", "2"))
    assert [a.id for a in t.areas] == ["1c", "1d", "1e", "2b", "3a"]
    assert [c.id for c in t.categories] == ["1", "3"]
    assert t.area("2b").name == "Dee"
    assert t.find("D").id == "2b", "the old name still finds it"
    assert t.category_of("2b").id == "1"
    assert t.retired == {
        "1a": "split into 1c, 1d in version 2", "1b": "merged into 1e in version 2",
        "2a": "merged into 1e in version 2", "2": "retired in version 2",
    }  # fmt: skip
    with pytest.raises(InputError, match="it was split into 1c, 1d"):
        t.area("1a")
    assert str(t.history[0].changes[1]) == "merged 1b, 2a into 1e (BC) (the same work)"
    assert parse_taxonomy(t.to_dict()) == t


def test_a_third_version_builds_on_the_second(second):
    third = second.with_name("third.yaml")
    third.write_text(
        yaml.safe_dump({"extends": "second.yaml", "version": "3", "changes": [{"retire": "1c"}]})
    )
    t = load_taxonomy(third)
    assert t.versions == ("1", "2", "3")
    assert "1c" in t.retired
    assert parse_taxonomy(json.loads(json.dumps(t.to_dict()))) == t


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"retire": "9z"}, "change 1 (retire): no area '9z'"),
        ({"retire": "1"}, "category '1' still has areas (1a, 1b)"),
        ({"add": {"id": "1a", "name": "again"}, "to": "1"}, "id '1a' was used before"),
        ({"add": {"id": "1z", "name": "new"}, "to": "7"}, "no category '7'"),
        ({"split": "1a", "into": [{"id": "1c", "name": "x"}]}, "into: wanted two areas or more"),
        ({"merge": ["1a"], "into": {"id": "1c", "name": "x"}}, "merge: wanted two areas or more"),
        ({"merge": ["1a", "1a"], "into": {"id": "1c", "name": "x"}}, "two areas or more"),
        ({"merge": ["1a", "1b"]}, "merge: wanted 'into' too"),
        ({"rename": "1a"}, "rename: wanted 'name' too"),
        ({"move": "1a", "to": "2", "name": "x"}, "move: takes no 'name'"),
        ({"move": "1", "to": "2"}, "'1' is a category; wanted an area"),
        ({"move": "1a", "retire": "1b"}, "wanted one of add, retire"),
        ({"splt": "1a"}, "unknown key 'splt'; did you mean 'split'?"),
        ({}, "got none"),
    ],
)
def test_changes_that_cannot_be_are_named(tmp_path, change, said):
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SMALL))
    path = tmp_path / "next.yaml"
    path.write_text(yaml.safe_dump({"extends": "small.yaml", "version": "2", "changes": [change]}))
    with pytest.raises(InputError) as caught:
        load_taxonomy(path)
    assert said in str(caught.value)
    assert "next.yaml" in str(caught.value)


def test_an_id_that_is_gone_is_never_given_again():
    t = parse_taxonomy(SMALL)
    second = next_version(t, [Change("retire", ("1a",))], "2")
    with pytest.raises(InputError, match="used before"):
        next_version(second, [Change("add", (), (("1a", "again", ""),), "1")], "3")
    with pytest.raises(InputError, match="was there before"):
        next_version(second, [], "1")
    with pytest.raises(InputError, match="no area is left"):
        next_version(t, [Change("retire", (i,)) for i in ("1a", "1b", "2a", "2b")], "2")


IDS = st.sampled_from(["1a", "1b", "2a", "2b", "n0", "n1"])


@st.composite
def change_lists(draw):
    made = iter(f"n{i}" for i in range(40))
    some = st.sampled_from(("retire", "rename", "move", "split", "merge", "add"))
    found = []
    for op in draw(st.lists(some, max_size=5)):
        new = [(next(made), "x", "") for _ in range({"split": 2, "merge": 1, "add": 1}.get(op, 0))]
        many = {"merge": 2, "add": 0}.get(op, 1)
        ids = draw(st.lists(IDS, min_size=many, max_size=many, unique=True))
        to = draw(st.sampled_from(["1", "2"])) if op in ("move", "add") else ""
        found.append(Change(op, tuple(ids), tuple(new), to, "named" if op == "rename" else ""))
    return found


@given(change_lists())
@settings(max_examples=60)
def test_every_id_ever_used_is_either_there_or_accounted_for(changes):
    t = parse_taxonomy(SMALL)
    try:
        after = next_version(t, changes, "2")
    except InputError:
        return
    ever = {a.id for a in t.areas} | {i for c in changes for i in c.made}
    now = {a.id for a in after.areas}
    assert now | set(after.retired) == ever
    assert not now & set(after.retired)
    assert parse_taxonomy(after.to_dict()) == after
    assert diff(t, after).known


def test_tables_and_json_are_read_too(tmp_path):
    table = tmp_path / "areas.csv"
    table.write_text(
        "category,category_name,id,name,description\n"
        'S,Safety,s1,"Locks, and keys",Things that lock.\nS,Safety,s2,Doors,\nP,Peace,p1,Quiet,\n'
    )
    t = load_taxonomy(table)
    assert (t.id, [c.name for c in t.categories]) == ("areas", ["Safety", "Peace"])
    assert t.area("s1").name == "Locks, and keys"
    plain = tmp_path / "areas.json"
    plain.write_text("\ufeff" + json.dumps(t.to_dict()), encoding="utf-8")
    assert load_taxonomy(plain) == t


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", "id: x\n", "categories: wanted at least one with areas"),
        ("a.yaml", "categories: []\n", "id: missing"),
        ("a.yaml", "id: x\ncategories: {}\n", "categories: Input should be a valid tuple"),
        ("a.yaml", "id: x\ncategries: []\n", "unknown key 'categries'; did you mean 'categories'?"),
        ("a.yaml", "id: x\ncategories: [{id: 1, name: A, areas: [{id: 1, name: B}]}]",
         "id '1' is there twice (category and area)"),
        ("a.yaml", "id: x\ncategories: [{id: 1, name: A, areas: [{id: yes, name: B}]}]",
         "categories 1, areas 1, id"),
        ("a.yaml", "id: x\ncategories: [{id: 1, name: A, areas: [{id: 1a}]}]",
         "categories 1, areas 1, name: missing"),
        ("a.yaml", "id: [", "not valid YAML"),
        ("a.yaml", "extends: a.yaml\nversion: '2'\n", "a.yaml extends this file, or is it"),
        ("a.yaml", "extends: b.yaml\nversion: '2'\n", "b.yaml"),
        ("a.yaml", "extends: ai-safety-2025\n", "version: missing"),
        ("a.yaml", "extends: ai-safety-2025\nversion: '1'\n", "was there before"),
        ("a.yaml", "", "the file is empty"),
        ("a.yaml", "id: " + "[" * 3_000, "too deep"),
        ("a.json", "[" * 200_000, "too deep"),
        ("a.yaml", "id: x\nversion: '2'\nextends: " + "b" * 199, "calibrant ships"),
        ("a.json", "[1]", "wanted keys such as 'categories'"),
        ("a.json", "{", "not JSON"),
        ("a.csv", "id,name\n1a,x\n", "no column category"),
        ("a.csv", "category,id,name\n1,,x\n", "row 1: id is empty"),
        ("a.csv", "category,category_name,id,name\n1,A,1a,x\n1,B,1b,y\n", "row 2: category '1'"),
        ("a.txt", "x", "wanted a taxonomy as .yaml, .json or .csv"),
    ],
)  # fmt: skip
def test_wrong_files_are_named(tmp_path, name, text, said):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_taxonomy(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value) or "b.yaml" in said or "ships" in said
    assert "\n" not in str(caught.value)


def test_files_that_extend_each_other_are_refused(tmp_path):
    for a, b in (("a", "b"), ("b", "a")):
        (tmp_path / f"{a}.yaml").write_text(f"extends: {b}.yaml\nversion: '2'\n")
    with pytest.raises(InputError, match="extends"):
        load_taxonomy(tmp_path / "a.yaml")


def test_names_that_mean_nothing_are_refused():
    with pytest.raises(InputError, match="calibrant ships ai-safety-2025"):
        load_taxonomy("safety")
    t = load_taxonomy("ai-safety-2025")
    with pytest.raises(InputError, match="did you mean 'Embedded agency'"):
        t.find("Embedded agencies")
    with pytest.raises(InputError, match="no category '21'"):
        t.category("21")


def test_history_is_checked_against_what_is_there():
    t = next_version(parse_taxonomy(SMALL), [Change("retire", ("1a",))], "2").to_dict()
    t["categories"][0]["areas"].append({"id": "1a", "name": "back"})
    with pytest.raises(InputError, match="id '1a' is in use, but was retired in version 2"):
        parse_taxonomy(t)
    with pytest.raises(InputError, match="wanted steps that lead to version '3'"):
        t["categories"][0]["areas"].pop()
        parse_taxonomy(t | {"version": "3"})


def test_differences_without_a_history_are_what_ids_show():
    a = parse_taxonomy(SMALL)
    b = json.loads(json.dumps(SMALL))
    b["categories"][0]["areas"][0]["name"] = "Ay"
    b["categories"][1]["areas"].pop()
    b["categories"][1]["name"] = "Deux"
    b["categories"][0]["areas"].append({"id": "1z", "name": "Zed"})
    found = diff(a, parse_taxonomy(b))
    assert not found.known
    assert (found.gone, found.made, found.kept) == (("2b",), ("1z",), 3)
    assert found.changes == (
        "category 2 is now called Deux", "1a is now called Ay",
        "2b (D) is gone; nothing says what became of it", "1z (Zed) is new",
    )  # fmt: skip
    assert "the same 4 areas" in repr(diff(a, a))
