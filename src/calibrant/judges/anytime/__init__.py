"""May we stop labelling now? Limits and verdicts that hold at every gold label."""

from calibrant.judges.anytime.sequence import AnytimePPI, anytime_ppi

__all__ = ["AnytimePPI", "anytime_ppi"]
