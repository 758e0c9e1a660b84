"""A test that cannot be memorised, and what a subject that memorised the rest is worth without it.

Items and secret twins are made and committed to; some items leak; a subject that learnt those by
heart takes both sets. Twins show the inflation, and a claim is judged on the score without it.
Run it in an empty folder: `python whole_story.py`. No model and no network is needed.
"""

from pathlib import Path

import yaml
from inspect_ai import eval as administer
from inspect_ai.model import get_model

import calibrant.subjects.standards  # noqa: F401  the provider `standard`
from calibrant import assess, measure, read
from calibrant.contamination import twin_inflation
from calibrant.contamination.fresh.commitment import commit, verify
from calibrant.contamination.fresh.files import write_items
from calibrant.contamination.fresh.generate import generate
from calibrant.contamination.fresh.stream import Secret, new_secret
from calibrant.contamination.inflation.result import write_inflation
from calibrant.instruments.fresh_tasks import fresh

TEMPLATES = Path(__file__).parents[1] / "fresh"
SUBJECT = "standard/rate-0.4"  # right on 40 % of what it has not seen


def story(folder: Path, secret: Secret) -> None:
    """Tell it, with its files in a folder."""
    made = generate(TEMPLATES, secret, 44, twins=True, canary=True)
    items, twins, leaked = (folder / f"{name}.jsonl" for name in ("items", "twins", "leaked"))
    write_items(made.items, items)
    write_items(made.twins, twins, [{"twin_of": item.id} for item in made.items])
    committed = commit(twins, secret, templates=dict(made.templates))
    print(f"{made}\n{committed}")

    # Three of four stand in training.
    write_items([item for n, item in enumerate(made.items) if n % 4], leaked)
    planted = {"positive": "{target}", "memorised": str(leaked)}
    subject = get_model(SUBJECT, **planted)
    logs = folder / "logs"
    administer([fresh(str(items)), fresh(str(twins))], model=subject, log_dir=str(logs),
               display="none")  # fmt: skip
    assert verify(twins, committed, secret).holds

    trials = read(logs).trials
    found = twin_inflation(trials, subject=SUBJECT, instrument="fresh-items", twins="fresh-twins",
                           pairs=twins, reason="random-twin", fixed_clusters=True)  # fmt: skip
    print(found)
    write_inflation(found, folder / "inflation.json")
    published = trials.filter(instrument="fresh-items")
    (without,) = measure(published, cluster="item", exposure=[found])
    print(without)

    claim = {"name": "reckons", "instrument": "calibrant/fresh", "args": {"items": "items.jsonl"},
             "rate": "exact", "above": 0.6, "if_really": 0.85}  # fmt: skip
    for name, evidence in (("as observed", []), ("without exposure", ["inflation.json"])):
        suite = {"subject": SUBJECT, "model_args": planted,
                 "claims": [claim | {"exposure": evidence}]}  # fmt: skip
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(suite))
        (judged,) = assess(folder / f"{name}.yaml", out=folder / name).claims
        print(f"{name}: {judged.verdict}. {judged.reason}")


if __name__ == "__main__":
    story(Path.cwd(), new_secret("seed.txt"))
