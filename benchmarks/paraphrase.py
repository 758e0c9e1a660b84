"""How fast are rewordings found, and how many? Ours beside plain TF-IDF and cosine.

Speed: made-up items and documents of one domain (words by Zipf's law, four numbers each), in CPU
seconds of one core. Recall at 1 % false positives per document: the threshold from half of the
clean documents, the rate measured on the other half, the rewordings those of line i of item i. The
peer is scikit-learn's TfidfVectorizer fitted on the items and the highest cosine, with the
empirical quantile of the same clean half as its threshold; `--peers PYTHON` names an interpreter
that has it.

    python benchmarks/paraphrase.py [--items 10000] [--documents 100000] [--peers /path/to/python]
        [--test ITEMS.jsonl --clean CLEAN.jsonl --reworded REWORDED.jsonl]

The three files of the second part have a column `question` or `text`, such as GSM8K's test and
training questions and the rewordings of the test that llm-decontaminator published.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from calibrant.contamination.items import Item
from calibrant.contamination.rewording.calibrate import calibrate
from calibrant.contamination.rewording.documents import Document
from calibrant.contamination.rewording.scan import Scanner

PEER = """
import json, sys, time
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
given = json.load(open(sys.argv[1]))
out = {}
begin = time.process_time()
o = {k: tuple(x) if isinstance(x, list) else x for k, x in given["options"].items()}
v = TfidfVectorizer(**o)
items = v.fit_transform(given["items"]).T.tocsr()
for name in given["texts"]:
    texts, best, at = given["texts"][name], [], []
    for i in range(0, len(texts), 500):
        found = v.transform(texts[i:i + 500]) @ items
        best.append(found.max(axis=1).toarray().ravel())
        at.append(np.asarray(found.argmax(axis=1)).ravel())
    out[name] = {"best": np.concatenate(best).tolist(), "at": np.concatenate(at).tolist()}
out["seconds"] = time.process_time() - begin
print(json.dumps(out))
"""


def made_up(many: int, seed: int) -> list[str]:
    """Texts of some 45 words by Zipf's law and four numbers."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("bdfghklmnprstvz"))
    vowels = np.array(list("aeiou"))
    shapes = np.random.default_rng(0)
    pairs = [(shapes.choice(letters, 3), shapes.choice(vowels, 3)) for _ in range(20_000)]
    spelt = ["".join(np.ravel(np.column_stack(p))) for p in pairs]
    chance = 1 / np.arange(3, 20_003)
    drawn = rng.choice(20_000, (many, 45), p=chance / chance.sum())
    numbers = rng.integers(2, 500, (many, 4))
    out = []
    for row, some in zip(drawn, numbers, strict=True):
        found = [spelt[i] for i in row]
        for place, number in zip((5, 17, 28, 40), some, strict=True):
            found[place] = str(number)
        out.append(
            " ".join(found[:15]) + ". " + " ".join(found[15:30]) + ". " + " ".join(found[30:])
        )
    return out


def ours(items: list[str], texts: dict[str, list[str]]) -> tuple[dict[str, list[float]], float]:
    """Scores of each text's best item, and CPU seconds."""
    begin = time.process_time()
    scanner = Scanner([Item(str(i), q) for i, q in enumerate(items)])
    out: dict[str, list[float]] = {}
    for name, some in texts.items():
        out[name] = []
        for i in range(0, len(some), 256):
            part = [Document("", i + k, t) for k, t in enumerate(some[i : i + 256])]
            out[name] += [s.score for s in scanner.scan(part)]
    return out, time.process_time() - begin


def own_scores(items: list[str], texts: list[str]) -> list[float]:
    """Scores of text i for item i, 0 where it is no candidate."""
    scanner = Scanner([Item(str(i), q) for i, q in enumerate(items)], threshold=0.0)
    found = scanner.scan([Document("", i, t) for i, t in enumerate(texts)])
    return [
        max((c.score for c in s.candidates if c.place == i), default=0.0)
        for i, s in enumerate(found)
    ]


def peer(python: str, items: list[str], texts: dict[str, list[str]], **options: object) -> dict:
    """The same by scikit-learn, in a process of its own."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"items": items, "texts": texts, "options": options}, file)
        file.flush()
        run = subprocess.run([python, "-c", PEER, file.name], capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"peer failed: {run.stderr.strip().splitlines()[-1]}")
    return json.loads(run.stdout)


def lines(path: Path) -> list[str]:
    """The texts of a file; of rewordings wrapped as "Question: … Answer: …" the question alone."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    found = [str(r.get("question", r.get("text", ""))) for r in rows]
    return [
        re.split(r"\n?\s*(?:Answer:|####)", re.sub(r"^\s*Question:\s*", "", t))[0] for t in found
    ]


def recall(given: argparse.Namespace) -> None:
    """Print recall at 1 % false positives."""
    items, clean, reworded = (lines(Path(p)) for p in (given.test, given.clean, given.reworded))
    order = np.random.default_rng(0).permutation(len(clean))
    half = len(clean) // 2
    texts = {"one": [clean[i] for i in order[:half]], "two": [clean[i] for i in order[half:]]}
    scores, seconds = ours(items, texts)
    own = np.array(own_scores(items, reworded))
    c = calibrate(scores["one"], 0.01)
    rate = np.mean(np.array(scores["two"]) > c.threshold)
    empty = sum(not t.strip() for t in reworded)
    print(f"{len(reworded)} rewordings ({empty} of them empty), {len(clean)} clean documents")
    print(f"ours             recall {np.mean(own > c.threshold):.4f}  false positives {rate:.4f} "
          f"threshold {c.threshold:.3f}  {seconds:.1f} CPU s")  # fmt: skip
    if not given.peers:
        return
    for name, options in {
        "TF-IDF": {}, "TF-IDF sublinear": {"sublinear_tf": True, "stop_words": "english"},
        "TF-IDF characters": {"analyzer": "char_wb", "ngram_range": (3, 5)},
    }.items():  # fmt: skip
        found = peer(given.peers, items, texts | {"reworded": reworded}, **options)
        one, two, hit = (np.array(found[k]["best"]) for k in ("one", "two", "reworded"))
        right = np.array(found["reworded"]["at"]) == np.arange(len(reworded))
        for said, at in (("1 %", float(np.quantile(one, 0.99))), (".8", 0.8)):
            print(f"{name + ', ' + said:24s} recall {np.mean(right & (hit > at)):.4f}  "
                  f"false positives {np.mean(two > at):.4f}  threshold {at:.3f}  "
                  f"{found['seconds']:.1f} CPU s")  # fmt: skip


def main() -> None:
    """Print both parts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--peers", help="a Python with scikit-learn")
    for name in ("--test", "--clean", "--reworded"):
        parser.add_argument(name)
    given = parser.parse_args()
    if given.documents:
        items, texts = made_up(given.items, 1), made_up(given.documents, 2)
        _, seconds = ours(items, {"corpus": texts})
        print(
            f"{len(items):,} items × {len(texts):,} documents: ours {seconds:.1f} CPU s", flush=True
        )
        if given.peers:
            theirs = peer(given.peers, items, {"corpus": texts})["seconds"]
            print(f"scikit-learn {theirs:.1f} CPU s: {theirs / seconds:.2f} times ours")
    if given.test:
        recall(given)


if __name__ == "__main__":
    main()
