"""`calibrant priorities code …`: read comments with a codebook, two coders, and exact quotes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from calibrant.priorities.qualitative.agreement import CodingAgreement
    from calibrant.priorities.qualitative.codebook import Codebook
    from calibrant.priorities.qualitative.comments import Comments
    from calibrant.priorities.qualitative.settle import Coding
    from calibrant.priorities.qualitative.sheets import Sheet

File = click.Path(path_type=Path)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on stdout."
)
comments_argument = click.argument("comments", type=File)
sheets_argument = click.argument("sheets", nargs=-1, required=True, type=File)
codebook_option = click.option("--codebook", required=True, type=File, metavar="YAML")
question_option = click.option("--question", "questions", multiple=True, metavar="ID",
                               help="Only answers to this question; may be repeated.")  # fmt: skip
level_option = click.option("--level", type=click.FloatRange(0.5, 1, max_open=True), default=0.95,
                            show_default=True)  # fmt: skip


@click.group("code")
def cli() -> None:
    """Code comments: a codebook, coders who do not see each other, agreement, quotes.

    COMMENTS is a table with the columns respondent, category, question and text, or the database
    of a survey that is closed (survey.db). SHEETS are the coders' files; a coder is called as the
    file.
    """


@cli.command("init")
@click.argument("file", type=File)
def init(file: Path) -> None:
    """Begin a codebook: write an example to FILE."""
    from calibrant._text import one_line
    from calibrant.errors import InputError
    from calibrant.priorities.qualitative.codebook import EXAMPLE
    from calibrant.records.cells import write_bytes

    if file.exists():
        raise InputError(f"{file}: there already; it is not written over")
    write_bytes(EXAMPLE.encode(), file)
    click.echo(one_line(f"wrote {file}; then: calibrant priorities code assign COMMENTS "
                        f"--codebook {file} --coder NAME --coder NAME -o FOLDER", 500))  # fmt: skip


@cli.command("assign")
@comments_argument
@codebook_option
@click.option("--coder", "coders", multiple=True, required=True, metavar="NAME",
              help="Two or more.")  # fmt: skip
@click.option("--both", type=click.FloatRange(0, 1, min_open=True), default=1.0, show_default=True,
              help="The share of comments that all get; the others go to one each.")  # fmt: skip
@question_option
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--parquet", is_flag=True, help="Write .parquet instead of .csv.")
@click.option("-o", "--out", type=click.Path(file_okay=False, path_type=Path), required=True,
              help="The folder for the sheets, one a coder.")  # fmt: skip
def assign(
    comments: Path, codebook: Path, *, coders: tuple[str, ...], both: float,
    questions: tuple[str, ...], seed: int, parquet: bool, out: Path,
) -> None:  # fmt: skip
    """Write a sheet for every coder: no names, each in an order of its own."""
    import re

    from calibrant._text import one_line
    from calibrant.errors import InputError, RunFolderError
    from calibrant.priorities.qualitative.sheets import assign as assigned
    from calibrant.records.cells import write

    found, book = _read(comments, codebook, questions)
    for coder in coders:
        if not re.fullmatch(r"\w[\w.-]{0,39}", coder):
            raise InputError(f"--coder {one_line(coder, 60)!r}: wanted a name fit for a file")
    sheets = assigned(found, book, coders, both=both, seed=seed)
    ending = ".parquet" if parquet else ".csv"
    paths = {coder: out / f"{coder}{ending}" for coder in coders}
    for path in paths.values():
        if path.exists():
            raise InputError(f"{path}: there already; it is not written over")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise RunFolderError(f"{out}: cannot be made ({e.strerror or e})") from e
    for coder, sheet in sheets.items():
        write(sheet, paths[coder])
        click.echo(one_line(f"{paths[coder]}: {sheet.height} comments", 500))


@cli.command("agree")
@comments_argument
@sheets_argument
@codebook_option
@question_option
@level_option
@click.option("--unsettled", type=File, help="Write the disagreements, to be settled, to a .csv.")
@json_option
def agree(
    comments: Path, sheets: tuple[Path, ...], codebook: Path, *, questions: tuple[str, ...],
    level: float, unsettled: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Say how far coders agree, code by code and on whole sets of codes."""
    from calibrant._text import dumps, one_line
    from calibrant.errors import InputError
    from calibrant.priorities.qualitative.agreement import agree as agreed
    from calibrant.priorities.qualitative.settle import unsettled as to_settle
    from calibrant.records.cells import write

    found, book = _read(comments, codebook, questions)
    result = agreed(_sheets(sheets, found, book), book, found, level=level)
    if unsettled is not None:
        if unsettled.exists():
            raise InputError(f"{unsettled}: there already; it is not written over")
        write(to_settle(result, found), unsettled)
        click.echo(one_line(f"wrote {len(result.differ)} disagreements to {unsettled}", 500),
                   err=True)  # fmt: skip
    if as_json:
        click.echo(dumps(result.to_dict(), indent=1))
        return
    _print_agreement(result)


@cli.command("settle")
@comments_argument
@sheets_argument
@codebook_option
@click.option("--decisions", type=File, help="The table of disagreements, filled in.")
@question_option
@level_option
@click.option("-o", "--out", type=File, help="Write the settled coding, .csv or .parquet.")
@json_option
def settle(
    comments: Path, sheets: tuple[Path, ...], codebook: Path, *, decisions: Path | None,
    questions: tuple[str, ...], level: float, out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Settle the coding, and count respondents by category and code."""
    from calibrant._text import dumps
    from calibrant.priorities.qualitative.settle import settle as settled
    from calibrant.records.cells import write

    found, book = _read(comments, codebook, questions)
    result = settled(_sheets(sheets, found, book), book, found, decisions, level=level)
    if out is not None:
        write(result.table(found), out)
    if as_json:
        click.echo(dumps(result.to_dict(), indent=1))
        return
    _print_coding(result)


@cli.command("quotes")
@comments_argument
@sheets_argument
@codebook_option
@click.option("--taxonomy", default="ai-safety-2025", show_default=True,
              help="Whose areas the quotes are about.")  # fmt: skip
@question_option
@click.option("-o", "--out", type=File, help="Write the quotes, .csv or .parquet.")
@json_option
def quotes(
    comments: Path, sheets: tuple[Path, ...], codebook: Path, *, taxonomy: str,
    questions: tuple[str, ...], out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Print the coders' quotes area by area: exact words, with their places in the comments."""
    from calibrant._text import dumps, one_line
    from calibrant.priorities.qualitative.settle import quotes_table
    from calibrant.priorities.taxonomy import load_taxonomy
    from calibrant.records.cells import write

    found, book = _read(comments, codebook, questions)
    names = {a.id: a.name for a in load_taxonomy(taxonomy).areas}
    every = {(q.area, q.comment, q.start, q.end): q
             for s in _sheets(sheets, found, book) for q in s.quotes}  # fmt: skip
    table = quotes_table(list(every.values()), found, names)
    if out is not None:
        write(table, out)
    if as_json:
        click.echo(dumps({"quotes": table.to_dicts()}, indent=1))
        return
    for (area, name), rows in table.group_by(["area", "name"], maintain_order=True):
        click.echo(one_line(f"{area} {name}", 200))
        for words in rows["words"]:
            click.echo(one_line(f"  “{words}”", 2000))
    if not table.height:
        click.echo("no quotes")


@cli.command("missing")
@comments_argument
@click.option("--taxonomy", default="ai-safety-2025", show_default=True)
@click.option("--question", "questions", multiple=True, required=True, metavar="ID",
              help="The question for missing areas.")  # fmt: skip
@click.option("--alike", type=click.FloatRange(0, 1, min_open=True), default=0.5,
              show_default=True, help="How alike two of a group are at least.")  # fmt: skip
@click.option("--decisions", type=File, help="The table of proposals, with decisions.")
@click.option("--version", help="With --decisions: the taxonomy's new version.")
@click.option("-o", "--out", type=File,
              help="Write the proposals to decide on (.csv), or with --decisions the new taxonomy "
              "(.yaml).")  # fmt: skip
@json_option
def missing(
    comments: Path, *, taxonomy: str, questions: tuple[str, ...], alike: float,
    decisions: Path | None, version: str | None, out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Group the areas that respondents miss, for a person to decide; then add them."""
    from calibrant._text import dumps
    from calibrant.errors import InputError
    from calibrant.priorities.qualitative.missing import missing as group
    from calibrant.priorities.taxonomy import load_taxonomy
    from calibrant.records.cells import write

    old = load_taxonomy(taxonomy)
    found = group(_comments(comments).of(*questions), old, alike=alike)
    if decisions is not None:
        if version is None or out is None or out.suffix not in (".yaml", ".yml"):
            raise InputError("--decisions: wanted --version and -o FILE.yaml with it")
        _write_taxonomy(found, decisions, old, taxonomy, version, out, as_json=as_json)
        return
    if out is not None:
        write(found.table(), out)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    _print_missing(found)


def _write_taxonomy(
    found: Any, decisions: Path, old: Any, extends: str, version: str, out: Path, *, as_json: bool
) -> None:
    import yaml

    from calibrant._text import dumps, one_line
    from calibrant.priorities.qualitative.missing import decided, taxonomy_file
    from calibrant.priorities.taxonomy import shipped
    from calibrant.records.cells import write_bytes

    if extends not in shipped():
        # The new file finds the old one from wherever it is itself.
        extends = str(Path(extends).resolve())
    file = taxonomy_file(old, extends, decided(found, decisions), version)
    write_bytes(yaml.safe_dump(file, sort_keys=False, allow_unicode=True).encode(), out)
    if as_json:
        click.echo(dumps(file, indent=1))
        return
    click.echo(one_line(f"wrote {out}: {len(file['changes'])} areas added", 500))


def _read(comments: Path, codebook: Path, questions: tuple[str, ...]) -> tuple[Comments, Codebook]:
    from calibrant.priorities.qualitative.codebook import read_codebook

    return _comments(comments).of(*questions), read_codebook(codebook)


def _comments(path: Path) -> Comments:
    """The comments in a table, or in the database of a survey that is closed."""
    from calibrant._text import one_line
    from calibrant.errors import InputError
    from calibrant.priorities.qualitative.comments import as_comments

    if path.suffix.lower() not in (".db", ".sqlite", ".sqlite3"):
        return as_comments(path)
    from calibrant.cli.priorities._database import opened
    from calibrant.web.survey.organising import results

    with opened(str(path), None) as store:
        if store.window().state != "closed":
            raise InputError(
                f"{one_line(str(path), 100)}: round {store.window().round} is not closed: comments "
                "may still change, and sheets would no longer fit them"
            )
        return as_comments(results.comments(store))


def _sheets(paths: tuple[Path, ...], comments: Comments, book: Codebook) -> tuple[Sheet, ...]:
    from calibrant.priorities.qualitative.sheets import read_sheets

    return read_sheets(paths, comments, book)


def _print_agreement(result: CodingAgreement) -> None:
    from calibrant._text import one_line

    click.echo(one_line(repr(result), 300))
    for code in result.codes:
        click.echo(one_line(f"  {code.code}: given {code.given} times; {code.alpha!r}", 200))
    for d in result.differ[:20]:
        said = " | ".join(f"{coder}: {', '.join(codes) or '-'}" for coder, codes in d.said)
        click.echo(one_line(f"  to be settled: {d.comment}: {said}", 300))
    if len(result.differ) > 20:
        click.echo(f"  and {len(result.differ) - 20} more")


def _print_coding(result: Coding) -> None:
    from rich.console import Console
    from rich.table import Table

    from calibrant._text import one_line

    click.echo(one_line(repr(result), 300))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("category", "code"):
        table.add_column(name)
    for name in ("respondents", "of", "share", f"{result.level:.0%} interval"):
        table.add_column(name, justify="right")
    for c in result.counts:
        if c.respondents:
            low, high = c.interval
            table.add_row(one_line(c.category, 40) or "(all)", c.code, str(c.respondents),
                          str(c.of), f"{c.share:.0%}", f"{low:.0%}–{high:.0%}")  # fmt: skip
    Console().print(table, markup=False, highlight=False)


def _print_missing(found: Any) -> None:
    from calibrant._text import one_line

    click.echo(repr(found))
    for g in found.groups:
        near = "; ".join(f"{i} {name} ({a:.2f})" for i, name, a in g.nearest)
        click.echo(
            one_line(f"{g.number}. {g.respondents} respondents; nearest: {near or '-'}", 300)
        )
        for p in g.proposals:
            click.echo(one_line(f"   {p.words}", 300))
    click.echo(one_line(f"likeness: {found.method}", 400))
