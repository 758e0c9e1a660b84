"""Which tool wrote this file? Told by its name and its first bytes, never by a folder's name."""

from __future__ import annotations

import re

from msgspec import Raw

from calibrant.errors import InputError
from calibrant.records.readers.batch import Options
from calibrant.records.readers.files import File
from calibrant.records.readers.jsondata import decode

HELM_FILES = ("scenario_state.json", "per_instance_stats.json", "stats.json", "run_spec.json",
              "scenario.json")  # fmt: skip

_INSPECT_HEAD = re.compile(
    rb'^\s*\{\s*("version"\s*:\s*\d+\s*,\s*)?("status"\s*:\s*"\w+"\s*,\s*)?"eval"\s*:\s*\{'
)
_BY_ENDING = {".eval": "inspect", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet",
              ".jsonl": "lines", ".ndjson": "lines"}  # fmt: skip


def kind_of(file: File, options: Options) -> str | None:
    """The name of the reader for a file; None if none knows it.

    Raises:
        InputError: if the file cannot be read, or is JSON that is not whole.
    """
    kind = _BY_ENDING.get(file.ending)
    if kind == "lines":
        return _lines(file)
    if kind is not None or file.ending != ".json":
        return kind
    if file.name in HELM_FILES:
        return "helm"
    head = file.head()
    if _INSPECT_HEAD.match(head):
        return "inspect-json"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"[":
        return "lines"
    if start != b"{" and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return None
    return _by_keys(set(decode(file.read(options.max_member), dict[str, Raw], file.path)))


def _by_keys(keys: set[str]) -> str | None:
    if "eval" in keys and keys & {"status", "version"}:
        return "inspect-json"
    if "evaluation_results" in keys and "schema_version" in keys:
        return "eee"
    if "results" in keys and keys & {"lm_eval_version", "configs", "versions", "n-shot"}:
        return "lm-eval"
    return None


def _lines(file: File) -> str | None:
    """Which kind of JSON lines these are, by the keys of the first."""
    head = file.head(1 << 20)
    first = next((line for line in head.splitlines() if line.strip()), b"")
    try:
        keys = set(decode(first, dict[str, Raw], file.path))
    except InputError:
        # Too long a first line, or a damaged one: its reader will say which.
        keys = set(re.findall(r'"(\w+)"\s*:', first[:100_000].decode(errors="replace")))
    if {"doc_id", "resps"} <= keys or {"doc_id", "doc", "target"} <= keys:
        return "lm-eval-samples"
    if {"evaluation_id", "sample_id", "evaluation_name"} <= keys:
        return "eee-samples"
    return "lines"
