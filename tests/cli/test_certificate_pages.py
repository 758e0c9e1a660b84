"""The pages of the sciences' certificates hold what is promised now, and held."""

import re
from pathlib import Path

import pytest

from calibrant.cli.certify import SCIENCES, all_rooms

DOCS = Path(__file__).parents[2] / "docs" / "certificates"


@pytest.mark.parametrize("room", SCIENCES)
def test_a_page_holds_every_certificate_of_its_room(room):
    if not DOCS.is_dir():
        pytest.skip("the docs are not beside an installed package")
    _, every = all_rooms()[room]
    text = (DOCS / f"{room}.md").read_text(encoding="utf-8")
    parts = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    assert list(parts) == [c.name for c in every]
    for c in every:
        assert c.statement in parts[c.name]
        assert "**Held**" in parts[c.name]
        assert c.peers
        assert all(any(c.peer_of(f"{p} x") == p for p in c.peers) for p in c.peers)
        draws = int(re.search(r"([\d,]+) draws per regime", parts[c.name])[1].replace(",", ""))
        assert draws >= 250


def test_names_of_all_certificates_differ():
    names = [c.name for _, every in all_rooms().values() for c in every]
    assert len(set(names)) == len(names)
