"""Answers from and to Qualtrics: exports as they look, round trips, and what is refused."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.priorities.exchange import Answers, qualtrics_csv, read_answers
from calibrant.priorities.exchange.answers import COMMENTS, DEMOGRAPHICS, OWN_AREAS, RESPONDENTS
from calibrant.priorities.survey import example_survey, read_survey, taxonomy_of
from calibrant.priorities.taxonomy import parse_taxonomy
from calibrant.records.ratings import RATINGS, STATES, as_ratings

SURVEY = read_survey("expert-survey-2025")
TAXONOMY = taxonomy_of(SURVEY)
IMPORTANCE, TRACTABILITY = (q.text for q in SURVEY.questions)
META = [
    ("StartDate", "Start Date", "startDate"), ("EndDate", "End Date", "endDate"),
    ("Status", "Response Type", "status"), ("IPAddress", "IP Address", "ipAddress"),
    ("Progress", "Progress", "progress"),
    ("Duration (in seconds)", "Duration (in seconds)", "duration"),
    ("Finished", "Finished", "finished"), ("RecordedDate", "Recorded Date", "recordedDate"),
    ("ResponseId", "Response ID", "_recordId"),
    ("RecipientEmail", "Recipient Email", "recipientEmail"),
]  # fmt: skip


def export(path, columns, rows, headers=3, encoding="utf-8-sig", separator=","):
    """A file as Qualtrics writes it: columns are name, text and ImportId."""
    columns = [*META, *columns]
    out = io.StringIO(newline="")
    write = csv.writer(out, delimiter=separator, lineterminator="\r\n")
    write.writerow([c[0] for c in columns])
    if headers > 1:
        write.writerow([c[1] for c in columns])
    if headers > 2:
        zone = {"timeZone": "America/Denver"}
        write.writerow(
            [json.dumps({"ImportId": c[2], **(zone if "Date" in c[2] else {})}) for c in columns]
        )
    for i, row in enumerate(rows):
        meta = {
            "startDate": "2025-01-05 10:00:00", "endDate": "2025-01-05 10:20:00",
            "status": "IP Address", "ipAddress": "10.0.0.1", "progress": "100",
            "duration": "1200", "finished": "True", "recordedDate": "2025-01-05 10:20:01",
            "_recordId": f"R_{i}", "recipientEmail": "a@b.invalid",
        }  # fmt: skip
        meta |= {c[2]: "" for c in columns[len(META) :]} | row
        write.writerow([meta[c[2]] for c in columns])
    path.write_bytes(out.getvalue().encode(encoding))
    return path


def matrix(question, qid, area_ids, name=None):
    """The columns of one matrix table, in Qualtrics' way."""
    return [
        (f"{name or qid}_{i}", f"To what extent do you agree:\n\n{question} - "
         f"{TAXONOMY.area(a).name}", f"{qid}_{i}")
        for i, a in enumerate(area_ids, 1)
    ]  # fmt: skip


AREAS = ["5f", "5g", "5a", "10e"]
COLUMNS = [
    ("Q1_5", f"Which do you know? - Selected Choice - {TAXONOMY.category('5').name}", "QID1_5"),
    ("Q1_10", f"Which do you know? - Selected Choice - {TAXONOMY.category('10').name}", "QID1_10"),
    *matrix(IMPORTANCE, "QID2", AREAS, "Q5"), *matrix(TRACTABILITY, "QID3", AREAS, "Q6"),
    ("Q7", "Which areas of this field are missing from the list? - "
     "Interpretability, explainability, and transparency", "QID7_TEXT"),
    ("Q9", "Where do you mainly work? - Selected Choice", "QID9"),
    ("Q9_6_TEXT", "Where do you mainly work? - Other - Text", "QID9_6_TEXT"),
    ("Q10", "Any last words?", "QID10_TEXT"),
]  # fmt: skip
FIVE, TEN = TAXONOMY.category("5").name, TAXONOMY.category("10").name
ROWS = [
    {"QID1_5": FIVE, "QID2_1": "Agree", "QID3_1": "Strongly disagree", "QID2_2": "I don't know",
     "QID7_TEXT": "=HYPERLINK(0)\nsecond line", "QID9": "Industry"},
    {"QID1_10": TEN, "QID2_4": "Neither agree nor disagree", "status": "Imported", "QID9": "Other",
     "QID9_6_TEXT": "a choir", "finished": "False", "progress": "40"},
    {"QID1_5": FIVE, "QID2_1": "Agree", "status": "Survey Preview"},
    {"QID1_5": FIVE, "QID2_1": "Agree", "status": "8"},
    {"QID1_5": FIVE, "QID2_1": "Agree", "status": "9"},
    {"QID1_5": FIVE, "QID2_1": "Agree", "status": "2"},
]  # fmt: skip


def cells(found):
    """(respondent, area, question) → value or state."""
    return {(r["respondent"], r["area"], r["question"]): r["value"] or r["state"]
            for r in found.answers.ratings.frame.iter_rows(named=True)}  # fmt: skip


def test_an_export_as_it_comes_is_read(tmp_path):
    found = read_answers(export(tmp_path / "q.csv", COLUMNS, ROWS), SURVEY, TAXONOMY)
    said = cells(found)
    assert said["R_0", "5f", "importance"] == 4
    assert said["R_0", "5f", "tractability"] == 1
    assert said["R_0", "5g", "importance"] == "don't know"
    assert said["R_0", "5a", "importance"] == "skipped", "its category was chosen"
    assert said["R_0", "10e", "importance"] == "not shown"
    assert said["R_1", "10e", "importance"] == 3
    assert said["R_1", "5f", "importance"] == "not shown"
    assert len(said) == 2 * 4 * 2
    assert found.left_out == {"preview": 1, "spam": 2, "test": 1}
    assert found.unused == ("Q10",)
    assert any("IPAddress, RecipientEmail" in n for n in found.notes)
    assert any("101 of 105 areas have no column" in n for n in found.notes)
    assert found.columns == {"category": 2, "comment": 1, "demographic": 1, "other": 1, "rating": 8}


def test_what_stands_beside_the_ratings_comes_along(tmp_path):
    a = read_answers(export(tmp_path / "q.csv", COLUMNS, ROWS), SURVEY, TAXONOMY).answers
    assert a.comments.rows() == [("R_0", "5", "missing", "=HYPERLINK(0)\nsecond line")]
    assert a.demographics.rows() == [
        ("R_0", "affiliation", "Industry", False), ("R_1", "affiliation", "a choir", True)
    ]  # fmt: skip
    first, second = a.respondents.iter_rows(named=True)
    assert (first["state"], first["chosen"], first["seconds"]) == ("finished", "5", 1200.0)
    assert first["started"] == datetime(2025, 1, 5, 17, tzinfo=UTC), "Denver's time"
    assert (second["state"], second["progress"], second["chosen"]) == ("left", 40.0, "10")


@pytest.mark.parametrize(("encoding", "separator"), [("utf-8", ","), ("utf-16", "\t"),
                                                     ("utf-8-sig", ";")])  # fmt: skip
def test_encodings_and_separators_are_told(tmp_path, encoding, separator):
    path = export(tmp_path / "q.tsv", COLUMNS, ROWS, encoding=encoding, separator=separator)
    assert cells(read_answers(path, SURVEY, TAXONOMY))["R_0", "5f", "importance"] == 4


@pytest.mark.parametrize("headers", [1, 2, 3])
def test_columns_are_told_by_name_with_any_number_of_headers(tmp_path, headers):
    columns = [("importance_5f", "", "QID1"), ("4d-Tractability", "", "QID2")]
    rows = [{"QID1": "5", "QID2": "2 - Disagree"}, {"QID1": "6", "QID2": "Agree (4)"}]
    found = read_answers(export(tmp_path / "q.csv", columns, rows, headers), SURVEY, TAXONOMY)
    said = cells(found)
    assert said["R_0", "5f", "importance"] == 5
    assert said["R_0", "4d", "tractability"] == 2
    assert said["R_1", "5f", "importance"] == "don't know"
    assert said["R_1", "4d", "tractability"] == 4
    assert any('6 in 1 cells of importance was read as "don\'t know"' in n for n in found.notes)
    assert any("asked only in part" in n for n in found.notes)


def test_a_rule_or_a_map_tells_the_rest(tmp_path):
    columns = [("I|5f", "", "QID1_1"), ("T|5f", "", "QID1_2"), ("X", "", "QID4")]
    rows = [{"QID1_1": "Somewhat agree", "QID1_2": "16", "QID4": "11"}]
    path = export(tmp_path / "q.csv", columns, rows)
    said = tmp_path / "map.yaml"
    said.write_text(
        "rule: '{question}|{area}'\nquestions: {I: importance, T: tractability}\n"
        "columns: {QID4: {area: 4d, question: importance}}\n"
        "values: {Somewhat agree: 4, 16: don't know, 11: 1}\nround: 2\n"
    )
    found = read_answers(path, SURVEY, TAXONOMY, map=said)
    assert cells(found) == {
        ("R_0", "5f", "importance"): 4, ("R_0", "5f", "tractability"): "don't know",
        ("R_0", "4d", "importance"): 1,
    }  # fmt: skip
    assert found.answers.ratings.frame["round"].unique().to_list() == [2]
    table = tmp_path / "map.csv"
    table.write_text("column,area,question\nX,4d,tractability\n")
    rows = [{"QID4": "2"}]
    found = read_answers(export(path, columns, rows), SURVEY, TAXONOMY, map=table)
    assert cells(found) == {("R_0", "4d", "tractability"): 2}


@pytest.mark.parametrize("numbers", [False, True])
def test_categories_may_stand_in_one_column(tmp_path, numbers):
    columns = [("Q1", "Which fields do you know?", "QID1"), *COLUMNS[2:6]]
    rows = [{"QID1": "5,10" if numbers else f"{FIVE},{TEN}", "QID2_1": "Agree"},
            {"QID1": "10" if numbers else TEN}]  # fmt: skip
    map = None
    if numbers:
        map = tmp_path / "map.yaml"
        map.write_text("columns: {Q1: categories}")
    path = export(tmp_path / "q.csv", columns, rows)
    found = read_answers(path, SURVEY, TAXONOMY, map=map)
    assert found.answers.respondents["chosen"].to_list() == ["5,10", "10"]
    said = cells(found)
    assert said["R_0", "10e", "importance"] == "skipped"
    assert said["R_1", "5f", "importance"] == "not shown"
    assert said["R_1", "10e", "importance"] == "skipped"
    if numbers:
        rows = [{"QID1": "5,99"}]
        with pytest.raises(InputError, match="chosen: wanted ids or names"):
            read_answers(export(path, columns, rows), SURVEY, TAXONOMY, map=map)


def test_minus_99_is_seen_and_unanswered(tmp_path):
    rows = [{"QID1_5": FIVE, "QID2_1": "Agree", "QID2_2": "-99"}]
    said = cells(read_answers(export(tmp_path / "q.csv", COLUMNS, rows), SURVEY, TAXONOMY))
    assert said["R_0", "5g", "importance"] == "skipped"
    assert said["R_0", "5a", "importance"] == "not shown"


def test_partial_responses_are_kept_unless_not_wanted(tmp_path):
    path = export(tmp_path / "q.csv", COLUMNS, ROWS)
    found = read_answers(path, SURVEY, TAXONOMY, finished_only=True)
    assert found.left_out["not finished"] == 1
    assert found.answers.ratings.frame["respondent"].unique().to_list() == ["R_0"]


def test_cut_off_texts_are_told_where_they_can_be(tmp_path):
    cut = [("Q5_1", IMPORTANCE[:60] + "... - Transparency", "QID2_1"),
           ("Q5_2", IMPORTANCE + " - Transparency, information asymm...", "QID2_2"),
           ("Q5_3", IMPORTANCE + " - Debate: models argue with one another", "QID2_3"),
           ("Q5_4", "Evaluate - Tractability - Multi-agent security", "QID2#2_4")]  # fmt: skip
    rows = [{"QID2_1": "1", "QID2_2": "2", "QID2_3": "3", "QID2#2_4": "4"}]
    found = read_answers(export(tmp_path / "q.csv", cut, rows), SURVEY, TAXONOMY)
    assert cells(found) == {
        ("R_0", "5f", "importance"): 1, ("R_0", "10e", "importance"): 2,
        ("R_0", "3b", "importance"): 3, ("R_0", "10c", "tractability"): 4,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "rows", "map", "said"),
    [
        (COLUMNS, [{"QID2_1": "Perhaps"}], None,
         "record 4, column Q5_1: wanted 1 to 5 or one of Strongly Disagree"),
        (COLUMNS, [{"QID2_1": "7"}], None, "wanted 1 to 5"),
        (COLUMNS, [{"QID2_1": "2.5"}], None, "wanted 1 to 5"),
        (COLUMNS, [{"_recordId": "R"}, {"_recordId": "R"}], None, "'R' is there twice (records 4"),
        (COLUMNS, [{"_recordId": " "}], None, "record 4: ResponseId is empty"),
        (COLUMNS, [{"status": "Spam"}], None, "no response is left (1 spam left out)"),
        (COLUMNS, [], None, "no response is left"),
        ([("Q1", "Hello?", "QID1")], [{}], None, "no column is a rating"),
        ([*COLUMNS, ("importance_5f", "", "Z")], [{}], None,
         "columns 'Q5_1' and 'importance_5f' both are the rating importance 5f"),
        ([("importance_5f", f"{TRACTABILITY} - Debate", "Z")], [{}], None,
         "its name says rating importance 5f, its text says rating tractability 3b"),
        (COLUMNS, [{}], "columns: {Q99: {area: 4d, question: importance}}", "names a column 'Q99'"),
        (COLUMNS, [{}], "columns: {Q10: {area: 99, question: importance}}", "no area '99'"),
        (COLUMNS, [{}], "columns: {Q10: {area: 4d}}", "wanted area and question"),
        (COLUMNS, [{}], "columns: {Q10: {area: 4d, question: worth}}", "has no question 'worth'"),
        (COLUMNS, [{}], "values: {a: maybe}", "wanted a number or one of don't know"),
        (COLUMNS, [{"QID2_1": "a"}], "values: {a: 9}", "wanted 1 to 5 for importance, got 9"),
        (COLUMNS, [{}], "rule: Q{area}", "wanted {area} and {question} once each"),
        (COLUMNS, [{}], "colums: {}", "did you mean 'columns'?"),
        (COLUMNS, [{}], "respondent: who", "respondent: no column 'who'"),
        ([*COLUMNS, ("round", "", "round")], [{"round": "x"}], None, "round: wanted 1 or more"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path, columns, rows, map, said):
    path = export(tmp_path / "q.csv", columns, rows)
    if map is not None:
        (tmp_path / "map.yaml").write_text(map)
        map = tmp_path / "map.yaml"
    with pytest.raises(InputError) as caught:
        read_answers(path, SURVEY, TAXONOMY, map=map)
    assert said in str(caught.value)
    assert str(tmp_path) in str(caught.value) or "rule" in said or "once each" in said
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty"),
        (b"a,b\n1,2,3\n", "record 2: wanted 2 cells"),
        (b"a,a\n1,2\n", "the column 'a' is there twice"),
        (b"abc\n", "got one column"),
        (b"\xff\x00\x80,a\n", "not text in UTF-8"),
        (b'a,"b' + b"x" * 200_000 + b'"\n', "not a table of comma-separated values"),
    ],
)
def test_files_that_are_none_are_named(tmp_path, data, said):
    csv.field_size_limit(131_072)  # of the whole process: other readers may have raised it
    path = tmp_path / "q.csv"
    path.write_bytes(data)
    with pytest.raises(InputError, match=said):
        read_answers(path, SURVEY, TAXONOMY)
    with pytest.raises(InputError, match="no such file"):
        read_answers(tmp_path / "none.csv", SURVEY, TAXONOMY)
    with pytest.raises(InputError, match="got a folder"):
        read_answers(tmp_path, SURVEY, TAXONOMY)


SMALL = parse_taxonomy(
    {"id": "small", "categories": [
        {"id": "1", "name": "=One, and -two", "areas": [{"id": "1a", "name": "A"},
                                                       {"id": "1b", "name": "+B - b"}]},
        {"id": "2", "name": "Two", "areas": [{"id": "2a", "name": "C"}]}]}
)  # fmt: skip
WHO = st.sampled_from(["r1", "=r2", "@r3", "-4", "'r5", "r,6"])
TEXT = (
    st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=12).map(str.strip)
    .filter(lambda t: t and t != "-99" and not t.isdigit())
)  # fmt: skip


@st.composite
def answers(draw):
    rounds = draw(st.sampled_from([(1,), (1, 2)]))
    who = draw(st.lists(WHO, min_size=1, max_size=3, unique=True))
    rows = []
    for w in who:
        for r in rounds:
            for a in SMALL.areas:
                for q in SURVEY.questions:
                    s = draw(st.sampled_from(STATES))
                    v = float(draw(st.integers(1, 5))) if s == "answered" else None
                    rows.append((w, a.id, q.id, v, s, r, None))
    comments = [
        (w, c, q, draw(TEXT)) for w in who for c, q in [("1", "missing"), ("2", "obstacles")]
        if draw(st.booleans())
    ]  # fmt: skip
    known = st.sampled_from(SURVEY.demographics[0].options).map(lambda o: (o, False))
    options = {o.casefold() for o in SURVEY.demographics[0].options}
    typed = TEXT.filter(lambda t: " ".join(t.casefold().split()) not in options)
    demographics = [
        (w, "affiliation", *draw(st.one_of(known, typed.map(lambda t: (t, True)))))
        for w in who if draw(st.booleans())
    ]  # fmt: skip
    own = [(w, a.id) for w in who for a in SMALL.areas if draw(st.booleans())]
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    people = [
        (w, r, draw(st.sampled_from(["finished", "left", None])),
         draw(st.sampled_from(["", "1", "1,2"])), draw(st.sampled_from([None, 40.0])),
         draw(st.sampled_from([None, 61.5])), at, None)
        for w in who for r in rounds
    ]  # fmt: skip

    def table(rows, schema):
        return pl.DataFrame(rows, schema=schema, orient="row")

    return Answers(
        as_ratings(table(rows, RATINGS)), table(comments, COMMENTS),
        table(demographics, DEMOGRAPHICS), table(own, OWN_AREAS), table(people, RESPONDENTS),
    )  # fmt: skip


@given(answers(), st.booleans())
@settings(max_examples=30)
def test_what_is_exported_comes_back(tmp_path_factory, said, numbers):
    path = tmp_path_factory.mktemp("q") / "q.csv"
    path.write_bytes(qualtrics_csv(said, SURVEY, SMALL, numbers=numbers))
    back = read_answers(path, SURVEY, SMALL).answers
    for name in ("comments", "demographics", "own_areas", "respondents"):
        a, b = getattr(said, name), getattr(back, name)
        assert a.sort(a.columns[:3]).equals(b.sort(b.columns[:3])), name
    key = ["respondent", "area", "question", "round"]
    assert said.ratings.frame.sort(key).equals(back.ratings.frame.sort(key))
    for row in csv.reader(io.StringIO(path.read_text(), newline="")):
        assert not [c for c in row if c[:1] in ("=", "+", "@") or (c[:1] == "-" and c != "-99")]


def test_an_export_looks_like_those_of_qualtrics():
    ratings = as_ratings({"respondent": ["r"], "area": ["4d"], "question": ["importance"],
                          "value": [4]})  # fmt: skip
    names, texts, ids, row = csv.reader(
        io.StringIO(qualtrics_csv(Answers(ratings), SURVEY, TAXONOMY).decode(), newline="")
    )
    at = names.index("importance_4d")
    assert texts[at] == f"{IMPORTANCE} - Emergence and task-specific scaling patterns"
    assert json.loads(ids[at])["ImportId"] == "importance_4d"
    assert row[at] == "Agree"
    assert json.loads(ids[names.index("ResponseId")]) == {"ImportId": "_recordId"}
    assert sum(n.startswith(("importance_", "tractability_")) for n in names) == 210


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"area": ["9z"]}, "area '9z' is not one of survey"),
        ({"question": ["worth"]}, "question 'worth' is not one of survey"),
        ({"value": [4.5]}, "importance is 4.5; wanted a whole number from 1 to 5"),
        ({"value": [6]}, "importance is 6; wanted a whole number from 1 to 5"),
    ],
)
def test_ratings_of_another_survey_are_not_exported(change, said):
    rows = {"respondent": ["r"], "area": ["4d"], "question": ["importance"], "value": [4]} | change
    with pytest.raises(InputError, match=said):
        qualtrics_csv(Answers(as_ratings(rows)), SURVEY, TAXONOMY)


def test_a_scale_of_other_length_is_read_by_its_labels(tmp_path):
    import yaml

    keys = yaml.safe_load(example_survey())
    keys["questions"] = [{"id": "risk", "text": "How risky?", "labels": ["low", "high"],
                          "dont_know": None}]  # fmt: skip
    survey = read_survey(keys)
    path = export(tmp_path / "q.csv", [("risk_4d", "", "Z")], [{"Z": "high"}, {"Z": "1"}])
    assert list(cells(read_answers(path, survey, TAXONOMY)).values()) == [2, 1]
    with pytest.raises(InputError, match="wanted 1 to 2 or one of low, high, got '3'"):
        read_answers(export(path, [("risk_4d", "", "Z")], [{"Z": "3"}]), survey, TAXONOMY)


def test_the_example_of_the_documentation_is_read():
    path = Path(__file__).parents[2] / "examples" / "survey-export.csv"
    found = read_answers(path, SURVEY, TAXONOMY)
    assert found.to_dict()["states"] == {
        "answered": 32, "don't know": 1, "not shown": 24, "skipped": 7
    }  # fmt: skip
    assert found.left_out == {"preview": 1, "spam": 1}
    assert found.answers.comments["text"].unique().to_list() == [
        "=No shared infrastructure,\nand nobody pays for it"
    ]
    assert ("R_3kLm9", "affiliation", "a museum", True) in found.answers.demographics.rows()


RATING = {"respondent": ["r"], "area": ["4d"], "question": ["importance"], "value": [4]}


def test_tables_of_other_makers_go_out_too():
    a = Answers.of(
        RATING,
        comments={"respondent": ["r", "s"], "category": ["4", ""], "question": ["missing"] * 2,
                  "text": ["=x", None]},
        respondents={"respondent": ["r"], "state": ["left"], "chosen": ["4,5"]},
        demographics=None,
    )  # fmt: skip
    names, _, _, row = csv.reader(io.StringIO(qualtrics_csv(a, SURVEY, TAXONOMY).decode()))
    said = dict(zip(names, row, strict=True))
    assert (said["missing_4"], said["Finished"], said["round"]) == ("'=x", "False", "1")
    assert said["categories_5"] == FIVE


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"remarks": {}}, "no table 'remarks'"),
        ({"comments": {"text": ["x"]}}, "comments: no column respondent"),
        ({"comments": {"respondent": ["r"]}}, "comments: wanted columns respondent, category"),
        ({"comments": {"respondent": [None], "text": ["x"]}}, "row 1: respondent is empty"),
        ({"respondents": {"respondent": ["r"], "seconds": ["long"]}}, "respondents: "),
        ({"comments": {"respondent": ["r"], "question": ["why"], "text": ["x"]}},
         "comments: 'why'  is not asked by"),
    ],
)  # fmt: skip
def test_tables_that_do_not_fit_are_named(tables, said):
    with pytest.raises(InputError, match=said):
        qualtrics_csv(Answers.of(RATING, **tables), SURVEY, TAXONOMY)
