"""What does a benchmark measure, for whom, and how well? Its datasheet."""

from calibrant.quality.datasheet.build import datasheet
from calibrant.quality.datasheet.model import Datasheet, Grid, Part

__all__ = ["Datasheet", "Grid", "Part", "datasheet"]
