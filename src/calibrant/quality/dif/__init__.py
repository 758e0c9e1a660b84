"""Do items treat groups of subjects of equal ability alike? Differential item functioning."""

from calibrant.quality.dif.dif import dif
from calibrant.quality.dif.result import Dif, ItemDif

__all__ = ["Dif", "ItemDif", "dif"]
