"""What should a survey's author think of before it opens?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from calibrant.priorities.survey.model import Survey
from calibrant.priorities.taxonomy import Taxonomy


def advice(survey: Survey, taxonomy: Taxonomy, now: datetime | None = None) -> tuple[str, ...]:
    """What is allowed and likely not meant, one sentence each.

    Args:
        now: an aware time; the present one if missing.
    """
    now = now or datetime.now(UTC)
    notes = []
    last = survey.windows[-1].closes
    if last is not None and last <= now:
        notes.append(f"the last window closed {last:%Y-%m-%d %H:%M UTC}: no answer would be taken")
    if last is None and len(survey.windows) == 1:
        notes.append("the window has no end: it stays open until it is closed by hand")
    first = survey.windows[0].opens or now
    held = timedelta(days=survey.invitations.days)
    if last is not None and first + held < last:
        notes.append(
            f"invitations hold for {survey.invitations.days} days, the windows reach further: "
            "late respondents may find their link expired"
        )
    scales = {q.labels for q in survey.questions}
    if len(survey.questions) > 1 and len({len(s) for s in scales}) > 1:
        notes.append(
            "the questions have scales of different lengths: their product has no bound in common"
        )
    silent = [q.id for q in survey.questions if q.dont_know is None]
    if silent:
        notes.append(
            f'{", ".join(silent)}: "don\'t know" is not offered; guesses will look like answers'
        )
    if not {"importance", "tractability"} <= {q.id for q in survey.questions}:
        notes.append("promise is importance times tractability; without both ids it needs naming")
    bare = [a.id for a in taxonomy.areas if not a.description]
    if bare:
        notes.append(
            f"{len(bare)} areas have no description, so respondents may read them differently"
        )
    return tuple(notes)
