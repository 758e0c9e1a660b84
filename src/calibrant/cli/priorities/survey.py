"""`calibrant priorities survey`: what is asked, of whom, when?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from calibrant.priorities.survey import Survey
    from calibrant.priorities.taxonomy import Taxonomy

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on stdout."
)


@click.group("survey")
def cli() -> None:
    """Begin, check and show a survey, which is a YAML file."""


@cli.command("init")
@click.argument("file", default="survey.yaml", type=click.Path(path_type=Path))
def init(file: Path) -> None:
    """Write a survey to begin with: the questions of the expert survey of 2025, open for 10 weeks.

    FILE is survey.yaml if none is given; - prints it. A file that is there is never touched.
    """
    from datetime import UTC, datetime

    from calibrant.errors import InputError
    from calibrant.priorities.survey import example_survey

    text = example_survey(datetime.now(UTC).date())
    if str(file) == "-":
        click.echo(text, nl=False)
        return
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError as e:
        raise InputError(f"{file}: is there already") from e
    except OSError as e:
        raise InputError(f"{file}: cannot be written ({e.strerror or e})") from e
    click.echo(f"{file} written; change what you like, then `survey check {file}`", err=True)


@cli.command("check")
@click.argument("file")
@json_option
def check(file: str, *, as_json: bool) -> None:
    """Check a survey's file, its taxonomy and its windows."""
    from calibrant._text import dumps, one_line
    from calibrant.priorities.survey import read_survey, taxonomy_of
    from calibrant.priorities.survey.advice import advice

    survey = read_survey(file)
    taxonomy = taxonomy_of(survey, _beside(file))
    notes = advice(survey, taxonomy)
    if as_json:
        document = {
            "id": survey.id, "questions": [q.id for q in survey.questions],
            "taxonomy": {"id": taxonomy.id, "version": taxonomy.version,
                         "categories": len(taxonomy.categories), "areas": len(taxonomy.areas)},
            "windows": survey.model_dump(mode="json")["windows"], "notes": list(notes),
        }  # fmt: skip
        click.echo(dumps(document, indent=1))
        return
    click.echo(f"{one_line(file, 200)}: {survey!r}")
    click.echo(f"  {taxonomy!r}")
    for line in _windows(survey):
        click.echo(f"  {line}")
    for note in notes:
        click.echo(f"  note: {one_line(note, 300)}")


@cli.command("show")
@click.argument("file", default="expert-survey-2025")
@json_option
def show(file: str, *, as_json: bool) -> None:
    """Show a survey as respondents meet it; the expert survey of 2025 if no FILE is given."""
    from calibrant._text import dumps
    from calibrant.priorities.survey import read_survey, taxonomy_of

    survey = read_survey(file)
    taxonomy = taxonomy_of(survey, _beside(file))
    if as_json:
        document = {"survey": survey.model_dump(mode="json"), "taxonomy": taxonomy.to_dict()}
        click.echo(dumps(document, indent=1))
        return
    _show(survey, taxonomy)


@cli.command("schema")
def schema() -> None:
    """Print the JSON schema of a survey's file, for editors."""
    from calibrant._text import dumps
    from calibrant.priorities.survey import survey_schema

    click.echo(dumps(survey_schema(), indent=1))


def _beside(file: str) -> Path:
    return Path(file).parent


def _windows(survey: Survey) -> list[str]:
    def said(moment: object, none: str) -> str:
        return f"{moment:%Y-%m-%d %H:%M UTC}" if moment is not None else none

    return [
        f"round {w.round}: {said(w.opens, 'open at once')} to {said(w.closes, 'when it is closed')}"
        for w in survey.windows
    ]


def _show(survey: Survey, taxonomy: Taxonomy) -> None:
    from rich.console import Console
    from rich.text import Text

    from calibrant._text import one_line, shown

    console = Console()

    def say(text: str, style: str = "") -> None:
        console.print(Text(text, style=style))

    say(one_line(survey.title, 1000), "bold")
    if survey.source:
        say(one_line(survey.source, 2000), "dim")
    for text in (survey.intro, survey.consent):
        if text.strip():
            console.print(Text(f"\n{shown(text.strip(), 20_000)}"), soft_wrap=True)
    say(f"\nChoose among {len(taxonomy.categories)} categories; then, of each area in them:")
    for q in survey.questions:
        say(f"\n{one_line(q.short)}", "bold")
        say(one_line(q.text, 1000))
        scale = "  ".join(f"{i} {one_line(t, 100)}" for i, t in enumerate(q.labels, 1))
        say(scale + (f"  · {one_line(q.dont_know, 100)}" if q.dont_know else ""))
        if q.source:
            say(one_line(q.source, 300), "dim")
    for c in survey.comments:
        each = "of each category chosen" if c.per == "category" else "at the end"
        say(f"\n{one_line(c.id)} (text, {each})", "bold")
        say(one_line(c.text, 1000))
    for d in survey.demographics:
        say(f"\n{one_line(d.id)} (about the respondent, optional)", "bold")
        options = [*d.options, *(["other"] if d.other else [])]
        say(f"{one_line(d.text, 1000)} {' / '.join(one_line(o, 200) for o in options)}")
    say("")
    for line in _windows(survey):
        say(line)
