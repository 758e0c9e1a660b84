"""Surveys: the example, what a file may say, and what is refused."""

from datetime import UTC, date, datetime

import jsonschema
import pytest
import yaml

from calibrant.errors import InputError
from calibrant.priorities.survey import (
    Survey,
    example_survey,
    read_survey,
    survey_schema,
    taxonomy_of,
)
from calibrant.priorities.survey.advice import advice

EXAMPLE = yaml.safe_load(example_survey())

IMPORTANCE = (
    "Successfully addressing this issue would significantly reduce the risk of severe harm (loss "
    "of either >100 lives or >$10 billion USD in economic impact) from AI."
)
TRACTABILITY = (
    "An additional targeted investment of approximately $10M USD over the next two years would "
    "lead to significant, measurable advancements in addressing this issue."
)


def window(opens, closes, **more):
    return {**EXAMPLE, "windows": [{"round": 1, "opens": opens, "closes": closes}], **more}


def test_the_example_asks_what_the_paper_asked():
    s = read_survey("expert-survey-2025")
    assert [q.text for q in s.questions] == [IMPORTANCE, TRACTABILITY]
    for q in s.questions:
        assert q.labels[0] == "Strongly Disagree"
        assert q.labels[-1] == "Strongly Agree"
        assert q.scale == (1, 2, 3, 4, 5)
        assert q.dont_know == "I don’t know"
        assert "2025" in q.source
    assert [c.per for c in s.comments] == ["category"] * 3
    assert [d.id for d in s.demographics] == ["affiliation", "expertise", "experience"]
    assert len(taxonomy_of(s).areas) == 105
    assert s.window() is not None
    assert "2 questions" in repr(s)
    assert s.question("tractability").short == "Tractability"


def test_a_survey_begins_open_for_ten_weeks():
    s = read_survey(yaml.safe_load(example_survey(date(2024, 12, 21))))
    (w,) = s.windows
    assert w.opens == datetime(2024, 12, 21, tzinfo=UTC)
    assert w.closes == datetime(2025, 3, 2, tzinfo=UTC), "the last day is a whole day"
    assert s.window(datetime(2025, 3, 1, 23, 59, tzinfo=UTC)) == w
    assert s.window(datetime(2025, 3, 2, tzinfo=UTC)) is None


def test_days_and_times_are_those_of_the_time_zone():
    s = read_survey(window("2024-12-21", "2025-07-01T12:00", timezone="America/New_York"))
    (w,) = s.windows
    assert w.opens == datetime(2024, 12, 21, 5, tzinfo=UTC)
    assert w.closes == datetime(2025, 7, 1, 16, tzinfo=UTC), "summer time"
    s = read_survey(window("2024-12-21T00:00:00+09:00", None))
    assert s.windows[0].opens == datetime(2024, 12, 20, 15, tzinfo=UTC)


def test_a_survey_is_the_same_after_json():
    for keys in (EXAMPLE, window("2024-12-21", "2025-03-04", timezone="Europe/Berlin")):
        s = read_survey(keys)
        assert Survey.model_validate_json(s.model_dump_json()) == s
        assert Survey.model_validate(s.model_dump()) == s


def test_files_follow_the_schema():
    schema = survey_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(EXAMPLE, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**EXAMPLE, "questons": []}, schema)


def test_its_taxonomy_may_be_a_file_beside_it(tmp_path):
    (tmp_path / "own.csv").write_text("category,id,name\nC,c1,First\nC,c2,Second\n")
    path = tmp_path / "s.yaml"
    path.write_text(example_survey().replace("taxonomy: ai-safety-2025", "taxonomy: own.csv"))
    assert [a.id for a in taxonomy_of(read_survey(path), path).areas] == ["c1", "c2"]
    assert len(taxonomy_of(read_survey(path), tmp_path).areas) == 2


def _question(**change):
    return {"questions": [{**EXAMPLE["questions"][0], **change}]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"questons": []}, "unknown key 'questons'; did you mean 'questions'?"),
        ({"questions": []}, "questions: Tuple should have at least 1 item"),
        (_question(labels=["a"]), "questions 1, labels"),
        (_question(labels=["Yes", "no", "yes"]), "questions 1: labels: 'yes' is there twice"),
        (_question(labels=["a", "b", "I don't know"]), "labels: \"i don't know\" is there twice"),
        (_question(id="a b"), "questions 1, id"),
        (_question(text=""), "questions 1, text"),
        ({"questions": EXAMPLE["questions"][:1] * 2}, "'importance' is there twice"),
        ({"comments": [{"id": "importance", "text": "x"}]}, "'importance' is there twice"),
        ({"demographics": [{"id": "4d", "text": "x", "options": ["a", "b"]}]},
         "id '4d' is that of an area"),
        ({"demographics": [{"id": "d", "text": "x", "options": ["a", "A"]}]},
         "'a' is there twice"),
        ({"taxonomy": "nothing"}, "taxonomy: taxonomy 'nothing': calibrant ships"),
        ({"taxonomy": "nothing.yaml"}, "nothing.yaml: cannot be read"),
        ({"timezone": "Mars/Olympus"}, "no time zone 'Mars/Olympus'"),
        ({"windows": []}, "windows: Tuple should have at least 1 item"),
        ({"windows": [{"round": 0}]}, "windows 1, round"),
        ({"windows": [{"round": 1, "opens": "soon"}]}, "windows 1, opens"),
        ({"windows": [{"round": 1, "opens": 5}]}, "wanted a day or a time, got 5"),
        ({"windows": [{"round": 1, "open": "2025-01-01"}]}, "did you mean 'opens'?"),
        ({"windows": [{"round": 1, "opens": "2025-03-05", "closes": "2025-03-04"}]},
         "wanted it to close after it opens"),
        ({"windows": [{"round": 1, "opens": "2025-03-05T00:00+01:00",
                       "closes": "2025-03-04T22:00"}]}, "wanted it to close after it opens"),
        ({"windows": [{"round": 1, "closes": "2025-03-04"}, {"round": 2, "opens": "2025-03-04"}]},
         "windows may not overlap"),
        ({"windows": [{"round": 1}, {"round": 2, "opens": "2025-03-04"}]},
         "windows may not overlap"),
        ({"windows": [{"round": 1, "closes": "2025-03-04"}, {"round": 1, "opens": "2025-03-06"}]},
         "rounds of windows: '1' is there twice"),
        ({"windows": [{"round": 2, "closes": "2025-03-04"}, {"round": 1, "opens": "2025-03-06"}]},
         "round 1 stands after round 2"),
        ({"live": {"least": 1}}, "live, least"),
        ({"title": "x" * 1001}, "title"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(change, said):
    with pytest.raises(InputError) as caught:
        read_survey({**EXAMPLE, **change})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_key_that_stands_twice_is_not_lost(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(example_survey() + "title: another\n")
    with pytest.raises(InputError, match=r"s\.yaml: line \d+: key 'title' is there twice"):
        read_survey(path)
    path.write_text("id: a\nquestions: &q [*q]\n")
    with pytest.raises(InputError, match=r"s\.yaml"):
        read_survey(path)


def test_advice_is_about_what_is_allowed_and_likely_not_meant():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    s = read_survey("expert-survey-2025")
    t = taxonomy_of(s)
    assert [n for n in advice(s, t, now) if "no end" in n]
    ended = read_survey(window("2024-12-21", "2025-03-04"))
    assert [n for n in advice(ended, t, now) if "no answer would be taken" in n]
    long = read_survey(window("2026-01-01", "2026-12-31"))
    assert [n for n in advice(long, t, now) if "expired" in n]
    own = read_survey({**EXAMPLE, **_question(id="worth", name="Worth", dont_know=None)})
    assert [n for n in advice(own, t, now) if "guesses" in n]
    assert [n for n in advice(own, t, now) if "promise" in n]
    fine = read_survey(window("2026-01-01", "2026-03-01"))
    assert advice(fine, t, now) == ()
