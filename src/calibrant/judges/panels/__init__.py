"""Are several judges better than one, and when must a person be asked?"""

from calibrant.judges.panels.panel import panel
from calibrant.judges.panels.result import Panel

__all__ = ["Panel", "panel"]
