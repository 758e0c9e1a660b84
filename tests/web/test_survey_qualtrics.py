"""What the server's respondents said goes out like an export of Qualtrics, and comes back whole."""

import pytest

from calibrant.priorities.exchange import read_answers
from calibrant.priorities.taxonomy import parse_taxonomy
from calibrant.web.survey.organising import results, take

from .surveys import TAXONOMY, come, crowd, finish, make, say


def test_a_database_goes_out_and_comes_back(tmp_path):
    with make(tmp_path) as store:
        crowd(store, 4)
        who = come(store, ("1", "4"))
        say(store, who, "1", 5, missing="=1+1\nmore")
        finish(store, who)
        data, kind = take.file(store, "qualtrics.csv")
        assert kind.startswith("text/csv")
        with pytest.raises(KeyError):
            take.file(store, "qualtrics.parquet")
        path = tmp_path / "q.csv"
        path.write_bytes(data)
        back = read_answers(path, store.survey, parse_taxonomy({"id": "t", **TAXONOMY})).answers
        key = ["respondent", "area", "question", "round"]
        mine = results.ratings(store).frame.sort(key)
        assert back.ratings.frame.sort(key).equals(mine)
        assert back.comments.equals(results.comments(store).filter(back.comments["text"] != ""))
        assert back.comments["text"].to_list() == ["=1+1\nmore"]
        chosen = dict(results.respondents(store).select("respondent", "chosen").rows())
        assert dict(back.respondents.select("respondent", "chosen").rows()) == chosen
        state = dict(back.respondents.select("respondent", "state").rows())
        assert state[who] == "finished"
