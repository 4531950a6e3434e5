"""A measured figure, and ratios of two of one run."""

from dataclasses import dataclass, field
from statistics import median


@dataclass
class Figure:
    """What one peer needs for one case: the median of each turn, and the least of all sections."""

    turns: list[float] = field(default_factory=list)
    least: float = float("inf")
    # Spans that should have come out of the exporter and did not.
    lost: int = 0
    # Encoded bytes of a span, 0 where nothing is exported: whether all do the same work.
    size: float = 0.0

    def add(self, sections: list[float]) -> None:
        self.turns.append(median(sections))
        self.least = min(self.least, *sections)

    @property
    def median(self) -> float:
        return median(self.turns)


@dataclass(frozen=True)
class Ratio:
    # The median of the ratios within each round, and the ratio of the least figures.
    median: float
    least: float


def ratio(over: Figure, under: Figure) -> Ratio:
    """How many times `under` fits into `over`."""
    pairs = [a / b for a, b in zip(over.turns, under.turns, strict=True) if b > 0]
    least = over.least / under.least if under.least > 0 else float("inf")
    return Ratio(median(pairs) if pairs else float("inf"), least)


# A peer's figures by case, then by peer.
Table = dict[str, dict[str, Figure]]
