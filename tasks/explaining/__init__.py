"""Why a waiting task is not running: one sentence, with evidence and what mends it, from rows alone."""

from tasks.explaining.explaining import EXPLAINED, why_not_running
from tasks.explaining.explanation import Cause, Explanation, Remedy

__all__ = ["EXPLAINED", "Cause", "Explanation", "Remedy", "why_not_running"]
