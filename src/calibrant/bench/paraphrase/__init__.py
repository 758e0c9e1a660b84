"""Do a model judge and its measured errors confirm that items stand in a corpus in other words?"""

from __future__ import annotations

from calibrant.bench.paraphrase.judge import JudgedParaphrases, Verdict, judge_paraphrases

__all__ = ["JudgedParaphrases", "Verdict", "judge_paraphrases"]
