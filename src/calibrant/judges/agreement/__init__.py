"""How far do graders agree beyond chance, how often is each right, and who is turned round?"""

from calibrant.judges.agreement.agree import agree
from calibrant.judges.agreement.result import Agreement

__all__ = ["Agreement", "agree"]
