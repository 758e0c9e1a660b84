"""The datasheet: every part stands there or says why not, and nothing on the page can run."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest

from calibrant.cli import main
from calibrant.errors import InputError
from calibrant.items import datasheet, write_datasheet
from calibrant.quality.datasheet.about import read_about
from calibrant.quality.responses import of_matrix
from calibrant.report.datasheet import datasheet_html

EVIL = '<script>alert(1)</script>"\x1b[31m'


def wide(subjects=60, items=15, seed=0):
    rng = np.random.default_rng(seed)
    logit = 1.2 * rng.normal(size=(subjects, 1)) - rng.normal(size=items)
    return (rng.random((subjects, items)) < 1 / (1 + np.exp(-logit))).astype(float)


@pytest.fixture(scope="module")
def sheet():
    names = [EVIL, *(f"q{j}" for j in range(1, 15))]
    responses = of_matrix(wide(), items=names)
    about = {"name": f"Bench {EVIL}", "purpose": EVIL, "licence": "MIT",
             "links": ["https://example.org/a?b=1&c=2", "javascript:alert(1)"]}  # fmt: skip
    return datasheet(responses, about=about, made="2026-11-22T00:00:00+00:00")


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.labels, self.links, self.levels = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append((tag, found))
        self.ids += [found["id"]] if "id" in found else []
        self.labels += found.get("aria-labelledby", "").split()
        self.links += [found["href"]] if tag == "a" else []
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))


def test_nothing_on_the_page_can_run(sheet):
    text = datasheet_html(sheet)
    page = Page(text)
    tags = {t for t, _ in page.tags}
    assert not tags & {"script", "iframe", "object", "img", "link", "form"}
    assert "\x1b" not in text
    policies = [a["content"] for t, a in page.tags if a.get("http-equiv")]
    assert len(policies) == 1 and policies[0].startswith("default-src 'none'")
    assert page.links == ["https://example.org/a?b=1&c=2"]
    assert not any(k.startswith("on") or k == "style" for _, a in page.tags for k in a)


def test_the_page_can_be_read_without_seeing_it(sheet):
    page = Page(datasheet_html(sheet))
    assert len(page.ids) == len(set(page.ids)) and set(page.labels) <= set(page.ids)
    assert page.levels[0] == 1 and page.levels.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(page.levels, page.levels[1:], strict=False))
    heads = [a.get("scope") for t, a in page.tags if t == "th"]
    assert heads and set(heads) == {"col", "row"}
    assert all("aria-labelledby" in a for t, a in page.tags if t == "svg")


def test_every_part_stands_there_or_says_why_not(sheet):
    keys = [p.key for p in sheet.parts]
    assert keys == ["subjects", "reliability", "targeting", "validity", "items", "bank", "cuts",
                    "saturation", "table"]  # fmt: skip
    assert "no category" in sheet["validity"].missing
    assert "no cut" in sheet["cuts"].missing
    for key in ("subjects", "reliability", "targeting", "items", "bank", "saturation", "table"):
        assert sheet[key].missing is None and sheet[key].said, key
    assert "Not answered here" in sheet.findings[-1]
    page = datasheet_html(sheet)
    assert "Not computed: the items have no category" in page
    assert len(sheet["table"].grids[0].rows) == 15
    document = json.loads(json.dumps(sheet.to_dict(), allow_nan=False, default=str))
    assert document["parts"][1]["data"]["study"]["items"] == 15


def test_the_share_of_subjects_measured_well_is_that_of_their_errors(sheet):
    from calibrant.items import fit

    found = fit(of_matrix(wide()), check=False)
    local = 1 - np.asarray(found.standard_error) ** 2 / found.bank.sd**2
    share = re.search(r"(\d+)% of the subjects with reliability 0.8", sheet["targeting"].said[0])
    assert int(share[1]) == round(100 * np.mean(local >= 0.8))


def test_a_benchmark_on_which_nobody_differs_still_gets_its_page():
    made = datasheet(of_matrix(np.ones((12, 6))), model="none")
    assert "same mean" in made["reliability"].missing
    assert made["bank"].missing == "no item response model was asked for"
    assert "Not computed" in datasheet_html(made)


def test_the_command_writes_the_page_and_says_how_to_make_it_again(tmp_path, capsys):
    x = wide(20, 8)
    pl.DataFrame(
        {"model": [f"m{i}" for i in range(20)], **{f"q{j}": x[:, j] for j in range(8)}}
    ).write_csv(tmp_path / "r.csv")
    (tmp_path / "about.yaml").write_text("name: Small\nversion: 1\n")
    page = tmp_path / "sheet.html"
    args = ["items", "datasheet", str(tmp_path / "r.csv"), "--about",
            str(tmp_path / "about.yaml"), "--model", "none", "-o", str(page)]  # fmt: skip
    with pytest.raises(SystemExit) as caught:
        main(args)
    out, err = capsys.readouterr()
    assert not caught.value.code and out.startswith("Small") and "page written" in err
    text = page.read_text()
    assert "calibrant items datasheet r.csv --about about.yaml" in text
    assert len(re.findall(r"<code>[0-9a-f]{64}</code>", text)) == 2
    with pytest.raises(SystemExit) as caught:
        main([*args[:-1], str(tmp_path), "--json"])
    assert caught.value.code == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [("- a\n", "wanted names"), ("name: {a: !!binary aa}\n", "name"), ("a: [\n", "not YAML")],
)
def test_a_description_that_is_none_is_refused(tmp_path, text, said):
    path = tmp_path / "about.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_about(path)


def test_a_description_may_be_absent_and_is_put_in_order(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_about(tmp_path / "none.yaml")
    assert read_about(None) == {}
    assert list(read_about({"zeal": 1, "license": "MIT", "name": "N"})) == [
        "name", "licence", "zeal",
    ]  # fmt: skip


def test_a_page_that_cannot_be_written_leaves_nothing(sheet, tmp_path):
    from calibrant.errors import RunFolderError

    with pytest.raises(RunFolderError):
        write_datasheet(sheet, tmp_path / "absent" / "s.html")
