"""Who is tested: the embedded local model, and reference standards whose behaviour is known.

Importing this package imports neither Inspect nor llama.cpp. The model providers live in
`calibrant.subjects.local`, `standards` and `planted.provider`, which do import Inspect.
"""

from __future__ import annotations

from calibrant.subjects.provider import check, describe
from calibrant.subjects.weights import KNOWN, Known, Weights, cache_dir, fetch, locate

__all__ = ["KNOWN", "Known", "Weights", "cache_dir", "check", "describe", "fetch", "locate"]
