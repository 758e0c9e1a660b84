"""Are comments coded as coders said, agreement counted right, and quotes exact?"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.priorities.qualitative.agreement import _sets, agree, masi, plain_alpha
from calibrant.priorities.qualitative.codebook import EXAMPLE, read_codebook
from calibrant.priorities.qualitative.comments import as_comments
from calibrant.priorities.qualitative.missing import decided, missing, taxonomy_file
from calibrant.priorities.qualitative.settle import quotes_table, settle, unsettled
from calibrant.priorities.qualitative.sheets import assign, locate, read_sheet
from calibrant.priorities.taxonomy import load_taxonomy
from calibrant.records.cells import to_bytes

BOOK = {"id": "small", "version": "1", "codes": [
    {"id": i, "name": i, "definition": f"What {i} is."} for i in ("money", "people", "access")
]}  # fmt: skip


def table(*texts: str, question: str = "obstacles") -> pl.DataFrame:
    return pl.DataFrame(
        [(f"r{i // 2}", "4", question, t) for i, t in enumerate(texts)],
        schema=["respondent", "category", "question", "text"], orient="row",
    )  # fmt: skip


@pytest.fixture
def comments():
    return as_comments(table("=No money", "Too few\n people", "Closed models", "Nothing", "Money!"))


@pytest.fixture
def book():
    return read_codebook(BOOK)


def filled(comments, book, codes, quotes=None, coder="ana"):
    """What a coder sends back: the sheet, through a spreadsheet, with codes by comment."""
    sheet = assign(comments, book, ["ana", "ben"], seed=3)[coder]
    by_text = {c.id: c.text for c in comments.rows}
    sheet = sheet.with_columns(
        pl.Series("codes", [codes.get(by_text[i], "") for i in sheet["comment"]]),
        pl.Series("quotes", [(quotes or {}).get(by_text[i], "") for i in sheet["comment"]]),
    )
    return read_sheet(pl.read_csv(to_bytes(sheet, ".csv"), infer_schema=False), coder, comments,
                      book)  # fmt: skip


def test_sheets_hide_who_wrote_and_hold_no_formula(comments, book):
    sheets = assign(comments, book, ["ana", "ben"], seed=1)
    assert {s.height for s in sheets.values()} == {5}
    assert list(sheets["ana"]["comment"]) != list(sheets["ben"]["comment"])
    assert "respondent" not in sheets["ana"].columns
    assert b"'=No money" in to_bytes(sheets["ana"], ".csv")
    half = assign(comments, book, ["ana", "ben"], both=0.4, seed=1)
    ids = [set(s["comment"]) for s in half.values()]
    assert len(ids[0] & ids[1]) == 2 and len(ids[0] | ids[1]) == 5
    again = assign(comments, book, ["ana", "ben"], seed=1)
    assert again["ana"].equals(sheets["ana"])


def test_a_sheet_is_read_back_with_exact_quotes(comments, book):
    sheet = filled(
        comments, book,
        {"=No money": "money; people", "Closed models": "access", "Nothing": "-"},
        {"=No money": '4d: =No money', "Too few\n people": "10a: “few people”"},
    )  # fmt: skip
    by_text = {c.text: c.id for c in comments.rows}
    assert sheet.codes[by_text["=No money"]] == {"money", "people"}
    assert sheet.codes[by_text["Nothing"]] == frozenset() and len(sheet.codes) == 3
    found = {q.area: q for q in sheet.quotes}
    # White space may differ; the words are those of the comment.
    assert found["10a"].words == "few\n people" and found["10a"].start == 4
    shown = quotes_table(sheet.quotes, comments, {"4d": "An area", "10a": "Another"})
    assert shown["name"].to_list() == ["Another", "An area"]
    with pytest.raises(InputError, match="no area '4d'"):
        quotes_table(sheet.quotes, comments, {"10a": "Another"})


@pytest.mark.parametrize(
    ("codes", "quotes", "problem"),
    [
        ({"Nothing": "mony"}, {}, "code 'mony'; wanted ids of money"),
        ({}, {"Nothing": "4d: Something"}, "not in the comment, word for word"),
        ({}, {"Nothing": "Nothing"}, "wanted an area's id, a colon, and words"),
    ],
)
def test_a_sheet_that_is_wrong_is_refused(comments, book, codes, quotes, problem):
    with pytest.raises(InputError, match=problem):
        filled(comments, book, codes, quotes)


def test_a_sheet_of_another_codebook_is_refused(comments, book):
    sheet = assign(comments, book, ["ana", "ben"])["ana"]
    changed = read_codebook(
        {**BOOK, "codes": [{**c, "definition": "Other."} for c in BOOK["codes"]]}
    )
    with pytest.raises(InputError, match="coded with codebook"):
        read_sheet(sheet, "ana", comments, changed)
    with pytest.raises(InputError, match="there twice"):
        read_sheet(pl.concat([sheet, sheet]), "ana", comments, book)
    with pytest.raises(InputError, match="no comment"):
        read_sheet(sheet.with_columns(pl.lit("x").alias("comment")), "ana", comments, book)


def test_masi_is_as_published():
    # Passonneau 2006: sets that share everything, one in the other, overlapping, disjoint.
    a, b, ab, bc = (frozenset(x) for x in ("a", "b", "ab", "bc"))
    assert masi(a, a) == masi(frozenset(), frozenset()) == 0
    assert masi(a, ab) == pytest.approx(1 - 1 / 2 * 2 / 3)
    assert masi(ab, bc) == pytest.approx(1 - 1 / 3 * 1 / 3)
    assert masi(a, b) == masi(a, frozenset()) == 1


SETS = st.frozensets(st.sampled_from("abc"), max_size=3)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(SETS, min_size=2, max_size=3), min_size=2, max_size=8))
def test_alpha_of_sets_is_that_of_pairs(said):
    if len({s for sets in said for s in sets}) < 2:
        return
    ratio = _sets(said)
    assert float(ratio(ratio.rows.sum(axis=0))) == pytest.approx(plain_alpha(said))


def test_agreement_code_by_code_and_what_is_to_be_settled(book):
    rng = np.random.default_rng(0)
    texts = [f"comment {i}" for i in range(40)]
    many = as_comments(table(*texts))
    truth = {t: rng.choice(["money", "people", "access", "-"]) for t in texts}
    ana = filled(many, book, truth)
    slips = truth | {texts[3]: "access; money", texts[8]: "-"}
    ben = filled(many, book, slips, coder="ben")
    found = agree([ana, ben], book, many)
    assert found.comments == 40 and len(found.differ) in (1, 2)
    assert found.sets.value > 0.9 and found.sets.interval[0] > 0.6
    assert {c.code for c in found.codes} == {"money", "people", "access"}
    with pytest.raises(InputError, match="not settled"):
        settle([ana, ben], book, many)
    todo = unsettled(found, many)
    assert todo.height == len(found.differ) and "respondent" not in todo.columns
    with pytest.raises(InputError, match="by is empty"):
        settle([ana, ben], book, many, todo.with_columns(pl.lit("money").alias("codes")))
    done = todo.with_columns(pl.lit("money").alias("codes"), pl.lit("cy").alias("by"),
                             pl.lit("it says so").alias("why"))  # fmt: skip
    coding = settle([ana, ben], book, many, done)
    settled = [c for c in coding.comments if c.how == "settled"]
    assert [c.by for c in settled] == ["cy"] * todo.height and settled[0].codes == ("money",)
    assert coding.table(many)["codebook"].unique().to_list() == [book.mark]
    # Two comments of a respondent count once.
    assert {c.of for c in coding.counts} == {20}
    count = coding.counts[0]
    assert count.interval[0] <= count.share <= count.interval[1] and count.respondents <= 20


def test_one_coder_alone_is_said(comments, book):
    ana = filled(comments, book, {"Nothing": "-"})
    coding = settle([ana], book, comments)
    assert [(c.how, c.by) for c in coding.comments] == [("one coder", "ana")] and coding.open == 4
    with pytest.raises(InputError, match="two or more comments"):
        agree([ana, ana], book, comments)


def test_the_example_codebook_is_one_and_mistakes_are_named(tmp_path):
    path = tmp_path / "book.yaml"
    path.write_text(EXAMPLE)
    assert len(read_codebook(path).codes) == 5
    with pytest.raises(InputError, match="money is there twice"):
        read_codebook({**BOOK, "codes": [BOOK["codes"][0]] * 2})
    with pytest.raises(InputError, match="codes 1.*definition"):
        read_codebook({**BOOK, "codes": [{"id": "x", "name": "x"}]})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"respondent": ""}, "row 1: respondent is empty"),
        ({"question": " "}, "row 1: question is empty"),
        ({"text": " "}, "nothing was written"),
    ],
)
def test_comments_that_are_wrong_are_refused(change, problem):
    frame = table("Words").with_columns(**{k: pl.lit(v) for k, v in change.items()})
    with pytest.raises(InputError, match=problem):
        as_comments(frame)
    with pytest.raises(InputError, match="no column question"):
        as_comments(table("x").drop("question"))
    with pytest.raises(InputError, match="there twice"):
        as_comments(pl.concat([table("x"), table("x")]))


def test_where_words_stand():
    assert locate("b  c", "a b\nc") == (2, 5)
    assert locate("B c", "a b c") is None and locate("  ", "a") is None
    assert locate("(x)*", "say (x)* now") == (4, 8)


def test_missing_areas_are_grouped_and_decided_by_a_person():
    comments = as_comments(table(
        "Safety of children using chatbots; - Model welfare", "None.",
        "Children's safety with chatbots", "model welfare\nEnergy use of data centres",
        question="missing",
    ))  # fmt: skip
    taxonomy = load_taxonomy("ai-safety-2025")
    found = missing(comments, taxonomy, alike=0.4)
    words = [sorted(p.words for p in g.proposals) for g in found.groups]
    assert ["Model welfare", "model welfare"] in words
    assert ["Children's safety with chatbots", "Safety of children using chatbots"] in words
    assert ["Energy use of data centres"] in words and len(words) == 3
    assert found.groups[0].respondents == 2 and found.groups[-1].respondents == 1
    sheet = found.table()
    with pytest.raises(InputError, match="no group is to be added"):
        taxonomy_file(taxonomy, taxonomy.id, decided(found, sheet), "2")
    row = {"group": "1", "decision": "add", "to": "4", "id": "4zz", "name": "Child safety",
           "description": "", "by": "", "why": ""}  # fmt: skip
    with pytest.raises(InputError, match="add: by is empty"):
        decided(found, pl.DataFrame([row]))
    changes = decided(found, pl.DataFrame([row | {"by": "cy"}]))
    file = taxonomy_file(taxonomy, taxonomy.id, changes, "2")
    assert load_taxonomy(file).area("4zz").name == "Child safety"
    assert "2 respondents; decided by cy" in file["changes"][0]["why"]
    for wrong, problem in ((row | {"group": "9"}, "no group '9'"),
                           (row | {"decision": "yes"}, "wanted add, covered, no")):  # fmt: skip
        with pytest.raises(InputError, match=problem):
            decided(found, pl.DataFrame([wrong]))
    with pytest.raises(InputError, match="decided twice"):
        decided(found, pl.DataFrame([row | {"decision": "no", "by": "cy"}] * 2))
