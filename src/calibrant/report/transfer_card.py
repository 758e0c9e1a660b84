"""The transfer card of a forecast: one HTML page that opens offline, and the same as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from calibrant._files import write_whole
from calibrant._text import dumps
from calibrant._version import __version__
from calibrant.errors import InputError, RunFolderError
from calibrant.report import words
from calibrant.report.page import environment, policy_for, style_sheet
from calibrant.report.transfer_card_rows import (
    forecasts,
    models,
    number,
    past,
    peers,
    silent,
    track_rows,
)
from calibrant.scaling.cards.documents import Document, check
from calibrant.scaling.cards.log import START
from calibrant.scaling.cards.register import LIMITS, Registered
from calibrant.scaling.cards.track import TOLD
from calibrant.scaling.figures import forecast_figure, horizon_figure, pit_figure

FORMAT = "calibrant transfer card 1"


@dataclass(frozen=True, repr=False)
class TransferCard:
    """What a forecast says, on what it rests, and what came of it.

    Attributes:
        document: of `calibrant forecast --json`; None for a hidden forecast.
        registered: how it was sealed; None if it was not.
        settled: the document of its settlement; None if it is open.
        where: what to call the document in errors.
    """

    document: Document | None
    registered: Registered | None = None
    settled: Mapping[str, Any] | None = None
    where: str = "card"

    def __post_init__(self) -> None:
        """Raises InputError if the parts are not of one forecast."""
        if self.document is None and self.registered is None:
            raise InputError("card: wanted a forecast")
        if self.document is not None:
            check(self.document, self.where)
        if self.settled is None:
            return
        seal = self.settled.get("seal")
        if self.registered is None:
            raise InputError(
                "card: only a registered forecast is settled: give its registration, "
                f"{str(seal)[:12]}…"
            )
        if seal != self.registered.seal:
            raise InputError(
                f"card: settled is forecast {str(seal)[:12]}…, given {self.registered.seal[:12]}…"
            )

    def __repr__(self) -> str:
        return f"transfer card: {self.headline}"

    @property
    def state(self) -> str:
        """Which of hidden, withheld, open or settled it is."""
        if self.document is None:
            return "hidden"
        if self.settled is not None and self.settled["rows"]:
            return "settled"
        return "withheld" if self.document["withheld"] else "open"

    @property
    def headline(self) -> str:
        """It in a sentence."""
        if self.document is None:
            return "a forecast whose content is not shown yet; its seal binds it"
        rows = self.document["forecast"] or []
        if self.settled is not None and self.settled["track"]:
            t = self.settled["track"]
            return (
                f"{t['covered']} of {words.plural(t['n'], 'outcome')} fell into the "
                f"{self.document['level']:.0%} intervals; {t['says']}"
            )
        if self.document["withheld"]:
            return words.line(str(self.document["withheld"]), 600)
        if not rows:
            return "nothing was asked for"
        several = f", and {len(rows) - 1} more below" if len(rows) > 1 else ""
        first = check(self.document, "card")[0]
        return (
            f"{words.line(first.measure, 60)} of {words.line(first.subject, 80)}: "
            f"{number(first.median)}, with {self.document['level']:.0%} probability from "
            f"{number(first.low)} to {number(first.high)}{several}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data: all that the page shows, and the densities besides."""
        return {
            "format": FORMAT, "calibrant": __version__, "state": self.state,
            "headline": self.headline, "forecast": self.document,
            "registered": None if self.registered is None else (
                self.registered.sealed()
                | {"seal": self.registered.seal, "publish": self.registered.publish}
            ),
            "settled": None if self.settled is None else dict(self.settled),
        }  # fmt: skip


def card_html(card: TransferCard) -> str:
    """The card as an HTML document without scripts, under a policy that allows none.

    Raises:
        InputError: if a part of its document is not as `calibrant forecast` writes it.
    """
    style = style_sheet()
    template = environment().get_template("transfer_card.html.j2")
    try:
        parts = _view(card)
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        if isinstance(e, InputError):
            raise
        raise InputError(f"card: not a whole document ({type(e).__name__}: {e})") from e
    return template.render(policy=policy_for(style), style=style, **parts)


def card_files(path: str | Path) -> tuple[Path, Path]:
    """The page and the JSON file beside it, which has a name of its own.

    The JSON of `card.html` is `card.card.json`: `card.json` is often the forecast itself.
    """
    file = Path(path)
    stem = file.with_suffix("") if file.suffix in (".json", ".html") else file
    if file.suffix == ".json":
        return stem.with_name(f"{stem.name}.html"), file
    name = stem.name if stem.name.endswith(".card") else f"{stem.name}.card"
    return stem.with_name(f"{stem.name}.html"), stem.with_name(f"{name}.json")


def write_card(card: TransferCard, path: str | Path) -> tuple[Path, Path]:
    """Write the card as a page and as JSON, each whole or not at all; see `card_files`.

    Args:
        path: ends in .html or .json, or in neither; both files are written.

    Returns:
        The page and the JSON file.

    Raises:
        RunFolderError: if one cannot be written; an OSError.
    """
    files = card_files(path)
    texts = card_html(card), dumps(card.to_dict(), indent=1) + "\n"
    for file, text in zip(files, texts, strict=True):
        try:
            write_whole(file, text.encode("utf-8"))
        except OSError as e:
            raise RunFolderError(f"{file}: cannot be written ({e.strerror or e})") from e
    return files


def _view(card: TransferCard) -> dict[str, Any]:
    document, settled = card.document or {}, card.settled
    targets = [words.line(str(t), 60) for t in document.get("target") or []]
    more = f" and {len(targets) - 3} more" if len(targets) > 3 else ""
    rows = (settled or {}).get("rows") or []
    test, shown = document.get("backtest") or {}, forecasts(document, rows)
    return {
        "title": f"Forecast of {', '.join(targets[:3])}{more}" if targets else "A hidden forecast",
        "state": card.state,
        "chip": _chip(card),
        "headline": card.headline,
        "facts": _facts(card),
        "cut": "<" in str(document.get("cut")),
        "figure": _drawn(lambda: forecast_figure(document, outcomes=rows)) if document else None,
        "horizons": _drawn(lambda: horizon_figure(document)),
        "pit": _drawn(
            lambda: pit_figure((test.get("pit") or {}).get("share") or [], test["effective"])
        ),
        "forecasts": shown,
        "left": len(document.get("forecast") or []) - len(shown),
        "level": f"{document['level']:.0%}" if document else "",
        "settled": settled is not None,
        "silent": silent(document),
        "models": models(document),
        "past": past(document),
        "peers": peers(document),
        "track": track_rows(settled),
        "open": [words.line(str(o), 200) for o in (settled or {}).get("open") or []][:60],
        "warnings": [words.line(str(w), 600) for w in document.get("warnings") or []],
        "notes": [
            words.line(str(n), 600)
            for n in (*(document.get("notes") or []), *((settled or {}).get("notes") or []))
        ],
        "seal": _seal(card),
        "limits": LIMITS if card.registered is not None else None,
        "calibrant": words.line(__version__, 40),
    }


def _chip(card: TransferCard) -> str:
    """The colour of its state; a settled one by what its outcomes say of the promise."""
    if card.state != "settled":
        return "supported" if card.state == "open" else "undetermined"
    track = (card.settled or {})["track"]
    ends, level = track["coverage_interval"], track["level"]
    if ends is not None and ends[1] < level:
        return "refuted"
    return "supported" if ends is not None and ends[0] >= level - TOLD else "undetermined"


def _facts(card: TransferCard) -> list[tuple[str, str]]:
    document = card.document or {}
    made = card.registered
    facts = [("Registered", "not registered" if made is None else words.moment(made.time))]
    if card.settled is not None:
        facts.append(("Settled", words.moment(str(card.settled["settled"]))))
    if not document:
        return facts
    facts.append(("Past cut by", words.line(str(document.get("cut")), 60)))
    far = document.get("distance") or {}
    orders, months = far.get("orders_of_magnitude"), far.get("months")
    if orders is not None:
        facts.append(("Farthest", f"{orders:.2g} orders of magnitude beyond the largest known"))
    if months is not None:
        facts.append(("Latest", f"{months:.2g} months after the last known"))
    given = document.get("given") or {}
    if given.get("measures"):
        names = [words.line(str(m), 40) for m in given["measures"]]
        facts.append(("Given of every subject", words.line(", ".join(names), 300)))
        able = far.get("abilities")
        if able is not None:
            facts.append(("Most able", f"{able:.2g} SD above the most able known, on their axis"))
    tried = [v for v in (far.get("tried") or {}).values() if v is not None]
    if tried:
        unit = words.line(str(far.get("unit") or ""), 40)
        facts.append(("Past tried to", f"{max(tried):.2g} {unit}".strip()))
    return facts


def _seal(card: TransferCard) -> list[tuple[str, str]]:
    made = card.registered
    if made is None:
        return []
    rows = [("Line to publish", made.publish), ("Seal (SHA-256)", made.seal),
            ("Hash of the forecast", made.commitment),
            ("Registered as", "hidden" if made.hidden else "open")]  # fmt: skip
    rows += [(f"Data: {words.line(d['file'], 80)}", words.line(d["sha256"], 80)) for d in made.data]
    if made.note:
        rows.append(("Note", words.line(made.note, 600)))
    if made.previous is not None:
        first = made.previous == START
        rows.append(("Log before it", "empty" if first else made.previous))
    log = (card.settled or {}).get("log")
    if log:
        rows.append(("Log", f"{log['registered']} registered, {log['settled']} settled; head "
                            f"{log['head']}"))  # fmt: skip
    rows.append(("calibrant", words.line(made.version, 40)))
    return rows


def _drawn(draw: Any) -> Markup | None:
    try:
        return Markup(draw().svg())
    except (InputError, KeyError):
        # Where there is nothing to draw, the page says in words what there is.
        return None
