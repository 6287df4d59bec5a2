"""A figure and the floor that it has to hold."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """What was measured. `most` or `least` is its floor; without either it only explains another one."""

    title: str
    value: float
    unit: str
    most: float | None = None
    least: float | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the floor holds; None where there is none."""
        if self.most is not None:
            return self.value < self.most
        return self.value > self.least if self.least is not None else None

    @property
    def floor(self) -> str:
        if self.most is not None:
            return f"under {self.most:,g}"
        return f"over {self.least:,g}" if self.least is not None else ""

    def as_json(self) -> dict[str, Any]:
        return {"title": self.title, "value": self.value, "unit": self.unit, "floor": self.floor, "holds": self.holds}
