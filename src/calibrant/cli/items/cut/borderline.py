"""`calibrant items cut borderline SUBJECTS`: the middle of a borderline group."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from calibrant.cli.items.cut.common import cut_options, finish, print_notes


@click.command("borderline")
@click.argument("subjects", type=click.Path(path_type=Path))
@click.option("--responses", metavar="FILE", help="Answers, if SUBJECTS has no scores.")
@click.option("--score-column", "score", metavar="COLUMN")
@click.option("--judgement-column", "judgement", metavar="COLUMN")
@click.option("--statistic", type=click.Choice(["median", "mean"]), default="median",
              show_default=True)  # fmt: skip
@cut_options
def cli(
    subjects: Path,
    *,
    responses: str | None,
    score: str | None,
    judgement: str | None,
    out: Path | None,
    figure: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Set a cut in the middle of the scores of subjects judged borderline.

    SUBJECTS has one row a subject: a column judgement (borderline, or other words), and a score
    from 0 to 1 or, with --responses, the subject's name.
    """
    from calibrant.quality.cuts.groups import borderline
    from calibrant.quality.cuts.subjects import borderline_group, judged

    given, labels = judged(subjects, responses=responses, score=score, judgement=judgement)
    found = borderline(given.scores[borderline_group(labels)], items=given.items, **options)
    if finish(found, found.cut, out, figure, as_json=as_json):
        click.echo(repr(found))
        print_notes(found.notes)
