"""The documentation is true: its code runs, its suites parse, its links lead somewhere."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from calibrant.assurance.assessment import json_schema
from calibrant.assurance.suite import Suite, parse_suite, read_suite
from calibrant.subjects import describe

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), *(p for p in [ROOT / "README.md"] if p.exists())]
FENCE = re.compile(r"^(```+)[ ]*(\w*)[^\n]*\n(.*?)^\1[ ]*$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, and the line its text begins at."""

    page: Path
    language: str
    text: str
    line: int

    @property
    def needs_model(self) -> bool:
        """Whether it uses the embedded model."""
        return "local/smollm2" in self.text


def blocks(page: Path, language: str) -> list[Block]:
    """The fenced blocks of a page in one language, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, language, found[3], text.count("\n", 0, found.start(3)) + 1)
        for found in FENCE.finditer(text)
        if found[2] == language
    ]


def no_model() -> str | None:
    """Why the embedded model cannot be used here, or None; fetches nothing."""
    if find_spec("xllamacpp") is None:
        return "the embedded model needs the extra 'local'"
    if describe("local/smollm2-135m")["file"] is None:
        return "the weights of the embedded model have not been fetched"
    return None


def execute(todo: list[Block]) -> None:
    """Run blocks one after the other in one namespace; a traceback names page and line."""
    namespace: dict[str, object] = {"__name__": "snippet"}
    for block in todo:
        padded = "\n" * (block.line - 1) + block.text
        exec(compile(padded, str(block.page), "exec"), namespace)


def with_python(*, needing_model: bool) -> list[Path]:
    return [
        page
        for page in PAGES
        if any(b.needs_model for b in blocks(page, "python")) or not needing_model
        if blocks(page, "python")
    ]


@pytest.mark.parametrize("page", with_python(needing_model=False), ids=lambda p: p.name)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    execute([b for b in blocks(page, "python") if not b.needs_model])


@pytest.mark.model
@pytest.mark.parametrize("page", with_python(needing_model=True), ids=lambda p: p.name)
def test_the_code_of_a_page_runs_with_the_embedded_model(page, tmp_path, monkeypatch):
    if reason := no_model():
        pytest.skip(reason)
    monkeypatch.chdir(tmp_path)
    execute(blocks(page, "python"))


def suites() -> list[Block]:
    """The YAML blocks that are whole suites."""
    found = [b for page in PAGES for b in blocks(page, "yaml")]
    return [b for b in found if re.search(r"^subject:", b.text, re.M) and "claims:" in b.text]


@pytest.mark.parametrize("block", suites(), ids=lambda b: f"{b.page.name}:{b.line}")
def test_the_suites_shown_are_suites(block):
    parse_suite(yaml.safe_load(block.text), f"{block.page.name}:{block.line}")


def test_there_are_suites_and_every_key_is_explained():
    assert suites()
    text = (DOCS / "suites.md").read_text(encoding="utf-8")
    claim = Suite.model_fields["claims"].annotation.__args__[0]
    for key in (*Suite.model_fields, *claim.model_fields):
        assert f"`{key}`" in text, f"suites.md does not explain {key}"


def slug(heading: str) -> str:
    """The anchor that MkDocs gives a heading."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", lambda m: m[1] or "", heading)
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", text).strip().lower())


def anchors(page: Path) -> set[str]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return {slug(m[1]) for m in re.finditer(r"^#+[ ]+(.+?)[ ]*#*$", text, re.M)}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_internal_links_lead_somewhere(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for found in re.finditer(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)", text):
        target, _, anchor = found[1].partition("#")
        if re.match(r"[a-z][a-z0-9+.-]*:", found[1]):
            continue
        file = page.parent / target if target else page
        assert file.exists(), f"{page.name}: {found[1]} leads nowhere"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{page.name}: {found[1]}: no such heading"


def nav_files(entry: object) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    values = entry.values() if isinstance(entry, dict) else entry
    return [file for value in values for file in nav_files(value)]


def test_every_page_is_in_the_navigation_once():
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    listed = nav_files(config["nav"])
    assert sorted(listed) == sorted(p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md"))


def test_the_published_schema_is_calibrants():
    assert json.loads((DOCS / "assessment.schema.json").read_text()) == json_schema()
    from calibrant.scaling.cards.schema import json_schema as of_forecast

    assert json.loads((DOCS / "forecast.schema.json").read_text()) == of_forecast()


def test_the_example_suite_is_the_one_that_the_demonstration_runs():
    example = ROOT / "examples" / "first-light.yaml"
    assert example.read_bytes() == (ROOT / "src/calibrant/cli/first-light.yaml").read_bytes()
    suite, _ = read_suite(example)
    assert suite.name == "first-light"
    assert suite.claims
