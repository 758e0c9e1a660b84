"""How do graders err when nobody knows the truth? Latent classes, difficulty, severity."""

from calibrant.judges.latent.verb import MODELS, latent

__all__ = ["MODELS", "latent"]
