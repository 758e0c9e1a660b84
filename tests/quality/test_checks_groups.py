"""Items that are unfair to a group, among the findings of a check."""

from __future__ import annotations

import json

import numpy as np
import pytest

from calibrant.cli import main
from calibrant.errors import InputError
from calibrant.items import check
from calibrant.quality.dif import dif
from calibrant.quality.responses import of_matrix

GROUP = ["open"] * 60 + ["closed"] * 60


@pytest.fixture
def scores():
    rng = np.random.default_rng(2)
    theta, b = rng.normal(size=120), np.linspace(-1.5, 1.5, 24)
    z = 1.3 * (theta[:, None] - b)
    z[:60, 12] -= 4.0  # unfair to open
    z[60:, 5] -= 2.2  # unfair to closed
    x = (rng.random(z.shape) < 1 / (1 + np.exp(-z))).astype(float)
    x[:, 20] = 1 - x[:, 20]
    x[:, 23] = 0.0
    return x


def test_unfair_items_are_looked_at_after_keys_and_class_c_first(scores):
    found = check(of_matrix(scores), group=GROUP, focal="open", replicates=0)
    alone = dif(of_matrix(scores), group=GROUP, focal="open")
    assert found.unfair.to_dict() == alone.to_dict()
    looks = [a for a in found.actions if a.what == "look at"]
    assert {found.responses.items[a.items[0]] for a in looks} == {i.item for i in alone.flagged}
    assert {12, 5} <= {a.items[0] for a in looks} and looks[0].items == (12,)
    by_item = {a.items[0]: a.reason for a in looks}
    assert by_item[12].startswith("unfair to open: at equal score its odds of success are 0.")
    assert by_item[5].startswith("unfair to closed: at equal score its odds of success are 0.")
    classes = ["CBA".index(a.reason.split("class ")[1][0]) for a in looks]
    assert classes == sorted(classes) and classes[0] == 0
    kinds = [a.what for a in found.actions]
    assert kinds.index("review key") < kinds.index("look at") < kinds.index("drop")
    assert "unfair to a group" in repr(found) and any(n.startswith("groups:") for n in found.notes)
    assert looks[0].swaps >= 0 and np.isfinite(looks[0].reliability)


def test_without_groups_nothing_is_said_of_them(scores):
    found = check(of_matrix(scores), replicates=0)
    assert found.unfair is None and found.to_dict()["unfair"] is None
    assert "unfair" not in repr(found)


def test_groups_that_cannot_be_compared_are_refused(scores):
    with pytest.raises(InputError, match="wanted a column of groups"):
        check(of_matrix(scores), focal="open", replicates=0)
    with pytest.raises(InputError, match="at least 5 subjects in each, got 3"):
        check(of_matrix(scores), group=["a"] * 3 + ["b"] * 117, focal="a", replicates=0)
    with pytest.raises(InputError, match="wanted one of open, closed"):
        check(of_matrix(scores), group=GROUP, focal="ajar", replicates=0)


def test_the_command_takes_a_column_and_escapes_its_labels(scores, tmp_path, capsys):
    hostile = "op\x1b[31men"
    head = ",".join(["model", *(f"i{j}" for j in range(24))])
    rows = [f"m{i}," + ",".join(map(str, r)) for i, r in enumerate(scores)]
    (tmp_path / "r.csv").write_text("\n".join([head, *rows]))
    facts = [f"m{i},{hostile if g == 'open' else g}" for i, g in enumerate(GROUP)]
    (tmp_path / "s.csv").write_text("\n".join(["model,weights", *facts]))
    command = ["items", "check", str(tmp_path / "r.csv"), "--subjects", str(tmp_path / "s.csv"),
               "--group", "weights", "--reference", "closed", "--replicates", "0"]  # fmt: skip
    with pytest.raises(SystemExit) as done:
        main([*command, "--json"])
    told = json.loads(capsys.readouterr().out)
    assert done.value.code == 0 and told["unfair"]["reference"] == "closed"
    assert {"i12", "i5"} <= {i["item"] for i in told["unfair"]["items"]}
    assert next(a["items"] for a in told["actions"] if a["what"] == "look at") == ["i12"]
    with pytest.raises(SystemExit):
        main(command)
    said = capsys.readouterr().out
    assert "look at: i12: unfair to " in said and "\x1b[31m" not in said
    with pytest.raises(SystemExit) as done:
        main([*command[:-4], "--group", "colour"])
    assert done.value.code == 2 and "no column" in capsys.readouterr().err
