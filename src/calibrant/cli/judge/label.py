"""`calibrant judge label …`: people label stored answers in a browser, blind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.pairs import column, pairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from calibrant.web.labelling.people import Link
    from calibrant.web.labelling.start import Labelling
    from calibrant.web.labelling.status import Status


@click.group("label")
def cli() -> None:
    """Let people label stored answers: blind, in balanced order, by keyboard.

    \b
    calibrant judge label serve answers.csv --categories yes,no,unsure --raters ana,ben,cem
    calibrant judge label export labels.db -o labels.csv
    """


def _list(_: click.Context, __: click.Parameter, given: str | None) -> tuple[str, ...] | None:
    """Names separated by commas."""
    return None if given is None else tuple(v.strip() for v in given.split(","))


_STORE = click.argument("store", type=click.Path(path_type=Path), metavar="LABELS.db")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")

_ABOUT = [
    click.argument("answers", type=click.Path(path_type=Path)),
    click.option("-o", "--out", type=click.Path(path_type=Path), default="labels.db",
                 show_default=True, help="The store: one SQLite file."),
    click.option("--categories", callback=_list, metavar="A,B,…", help="Labels to choose from."),
    click.option("--scale", metavar="LOW-HIGH", help="Whole numbers to choose from, as 1-5."),
    click.option("--pairwise", is_flag=True, help="Which of two subjects' answers is better."),
    click.option("--no-ties", is_flag=True, help="Pairwise: without “equally good”."),
    click.option("--raters", callback=_list, metavar="A,B,…", help="Who labels."),
    click.option("--open", "is_open", is_flag=True, help="Anybody with the link may label."),
    click.option("--per-item", type=click.IntRange(1), help="Raters for each item [default: 3, "
                 "or all if they are fewer]."),
    click.option("--at-most", type=click.IntRange(1), help="Items for one rater, with --open."),
    click.option("--rubric", metavar="FILE|TEXT", help="Instructions, as Markdown."),
    click.option("--ask", metavar="TEXT", help="The question that every label answers."),
    click.option("--title", default="Labelling", help="The heading that raters see."),
    click.option("--gold-checks", type=click.Path(path_type=Path), metavar="FILE",
                 help="Known labels (item, label): every rater gets these items too."),
    click.option("--subjects", callback=_list, metavar="A,B,…", help="Only answers of these."),
    click.option("--map", "columns", multiple=True, metavar="OURS=THEIRS",
                 callback=pairs(column, "COLUMN=NAME, as answer=response"),
                 help="For tables: which column is which, as answer=response."),
    click.option("--sample", type=click.IntRange(1), help="Only so many, drawn at random."),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True,
                 help="Of the design, the orders and the sample."),
]  # fmt: skip


def _about(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say what is labelled by whom."""
    for option in reversed(_ABOUT):
        command = option(command)
    return command


@cli.command("start")
@_about
@_JSON
def start(answers: Path, *, as_json: bool, **about: Any) -> None:
    """Make the store and print its links' paths; 'serve LABELS.db' opens it to raters."""
    found = _begin(answers, about)
    if as_json:
        _print(found.to_dict())
        return
    for line in _lines(found, "(server)"):
        click.echo(line)


@cli.command("serve")
@_about
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True,
              help="0 takes a free one.")  # fmt: skip
@click.option("--public-url", metavar="URL", help="How raters reach it, if by another address.")
@_JSON
def serve(
    answers: Path, *, host: str, port: int, public_url: str | None, as_json: bool, **about: Any
) -> None:
    """Serve the pages until Ctrl-C; the same command goes on later.

    ANSWERS is a table (item, answer; better with question and subject), a log, a run folder, or a
    store made before.
    """
    from calibrant.web import need_extra

    need_extra()
    from calibrant.web.labelling.app import Site, build
    from calibrant.web.labelling.schema import is_store
    from calibrant.web.labelling.start import opened
    from calibrant.web.labelling.store import Store
    from calibrant.web.serve import is_loopback, listen, run

    found = opened(answers) if is_store(answers) else _begin(answers, about)
    place = listen(host, port, public_url)
    if not is_loopback(host):
        secure = "" if place.https else ", and nothing is encrypted"
        click.echo(f"calibrant: warning: {host} is open to other machines{secure}", err=True)

    def started() -> None:
        if as_json:
            _print({"url": place.url, **found.to_dict()})
            return
        for line in _lines(found, place.url):
            click.echo(line)

    with Store(found.path) as store:
        run(build(Site(store, place.url), place.hosts), place, started)
    click.echo(f"stopped; every label is in {found.path}; the same command goes on", err=True)


@cli.command("export")
@_STORE
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True,
              help="The table: .csv or .parquet.")  # fmt: skip
@click.option("--history", is_flag=True, help="Every word of a rater, not the last alone.")
@click.option("--comparisons", is_flag=True, help="Pairs as comparisons, for 'calibrant rate'.")
@_JSON
def export(store: Path, *, out: Path, history: bool, comparisons: bool, as_json: bool) -> None:
    """Write labels as a table that 'calibrant judge agree' reads; also while it is served."""
    from calibrant.web.labelling import export as tables
    from calibrant.web.labelling.store import Store

    if history and comparisons:
        raise click.UsageError("--history and --comparisons exclude each other")
    with Store(store) as opened:
        made = tables.comparisons if comparisons else tables.labels
        table = made(opened, **({"history": True} if history else {}))
        tables.write(table, out)
    if as_json:
        _print({"path": str(out), "rows": table.height})
    else:
        click.echo(f"{out}: {table.height:,} rows")


@cli.command("status")
@_STORE
@_JSON
def status(store: Path, *, as_json: bool) -> None:
    """Print progress and agreement so far."""
    from calibrant.web.labelling.status import status as status_of
    from calibrant.web.labelling.store import Store

    with Store(store) as opened:
        found = status_of(opened)
    if as_json:
        _print(found.to_dict())
    else:
        _table(found)


@cli.command("links")
@_STORE
@click.option("--new", "rater", metavar="RATER", help="Make a fresh link for this rater.")
@click.option("--url", default="(server)", help="The server's address, to print whole links.")
@_JSON
def links(store: Path, *, rater: str | None, url: str, as_json: bool) -> None:
    """Print the links, each rater's newest; a rater's link works once."""
    from calibrant.web.labelling import people
    from calibrant.web.labelling.store import Store

    with Store(store) as opened:
        found = [people.new_link(opened, rater)] if rater is not None else people.links(opened)
    if as_json:
        _print([{"kind": k.kind, "rater": k.rater, "path": k.path, "used": k.used} for k in found])
        return
    for link in found:
        click.echo(_line(link, url.rstrip("/")))


@cli.command("close")
@_STORE
@click.option("--reopen", is_flag=True, help="Take labels again.")
def close(store: Path, *, reopen: bool) -> None:
    """Take no more labels."""
    from calibrant.web.labelling.store import Store

    with Store(store) as opened:
        opened.set_closed(closed=not reopen)
    click.echo(f"{store}: {'open again' if reopen else 'closed'}")


def _begin(answers: Path, about: dict[str, Any]) -> Labelling:
    from calibrant.web import need_extra

    need_extra()
    from calibrant.web.labelling.start import label

    raters = about["raters"] or ()
    if bool(raters) == about["is_open"]:
        raise click.UsageError("say who labels: --raters A,B,… or --open")
    if about["at_most"] is not None and not about["is_open"]:
        raise click.UsageError("--at-most goes with --open")
    per_item = about["per_item"] or (min(3, len(raters)) if raters else 3)
    return label(
        answers, about["out"], categories=about["categories"], scale=about["scale"],
        pairwise=about["pairwise"], ties=not about["no_ties"], raters=raters, per_item=per_item,
        rubric=_rubric(about["rubric"]), ask=about["ask"], title=about["title"],
        gold=about["gold_checks"], subjects=about["subjects"], columns=about["columns"],
        sample=about["sample"], at_most=about["at_most"], seed=about["seed"],
    )  # fmt: skip


def _rubric(given: str | None) -> str:
    """The text of a file, or the text itself; what looks like a file must be one."""
    from calibrant.errors import InputError

    if given is None:
        return ""
    if "\n" in given or not given.lower().endswith((".md", ".txt", ".markdown")):
        return given
    try:
        return Path(given).read_text("utf-8")
    except UnicodeDecodeError as e:
        raise InputError(f"{given}: not a text file (byte {e.start})") from e
    except OSError as e:
        raise InputError(f"{given}: cannot be read ({e.strerror or e})") from e


def _print(document: Any) -> None:
    from calibrant._text import dumps

    click.echo(dumps(document, indent=2))


def _lines(found: Labelling, url: str) -> list[str]:
    from calibrant._text import one_line

    lines = [repr(found), *(f"note: {one_line(n, 400)}" for n in found.notes)]
    return lines + [_line(link, url) for link in found.links]


def _line(link: Link, url: str) -> str:
    from calibrant._text import one_line

    who = {"admin": "you", "open": "raters"}.get(link.kind) or one_line(link.rater or "", 60)
    used = "  (used; 'links --new' makes another)" if link.used else ""
    return f"  {who:12} {url}{link.path}{used}"


def _table(found: Status) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from calibrant._text import one_line

    console = Console(highlight=False)
    console.print(Text(repr(found)), soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("rater")
    for name in ("labelled", "cannot judge", "skipped", "to go", "s per item", "known labels"):
        table.add_column(name, justify="right")
    for r in found.raters:
        p = r.progress
        table.add_row(
            Text(one_line(r.name, 60)), f"{p.labelled:,}", f"{p.cannot:,}", f"{p.skipped:,}",
            f"{p.assigned - p.done:,}", "" if r.seconds is None else f"{r.seconds:.1f}",
            f"{r.gold_right} of {r.gold_seen}" if r.gold_seen else "",
        )  # fmt: skip
    console.print(table)
    if found.seconds_left is not None:
        console.print(f"about {found.seconds_left / 60:,.0f} minutes of raters' time left")
