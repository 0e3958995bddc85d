"""What is known of one page by whoever places a stamp on it. Plain facts: nothing here reads a file."""

from dataclasses import asdict, dataclass
from typing import Any

from stamping.pdf.geometry import Placement
from stamping.pdf.inkmap import Grid

MM = 72 / 25.4
"""Points a millimetre."""


@dataclass(frozen=True)
class Taken:
    """A box in displayed points that a stamp should not cover. `kind`: `signature`, `field` or `picture`."""

    kind: str
    llx: float
    lly: float
    urx: float
    ury: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        return self.llx, self.lly, self.urx, self.ury

    def touches(self, placement: Placement) -> bool:
        """Whether the stamp would cover a part of it that can be seen: more than a point."""
        across = min(self.urx, placement.x + placement.size) - max(self.llx, placement.x)
        up = min(self.ury, placement.y + placement.size) - max(self.lly, placement.y)
        return across > 1 and up > 1


@dataclass(frozen=True)
class PageLook:
    """One page. `how` as in `Suggestion`."""

    place: Placement
    how: str
    grid: Grid
    taken: tuple[Taken, ...] = ()

    def covers(self, placement: Placement) -> str:
        """The weightiest of what the stamp would cover: `signature`, `field`, `picture`, `ink`; or empty."""
        touched = {one.kind for one in self.taken if one.touches(placement)}
        weightiest = next((kind for kind in ("signature", "field", "picture") if kind in touched), "")
        return weightiest or ("ink" if self.grid.covered(placement.x, placement.y, placement.size) else "")

    def as_json(self) -> dict[str, Any]:
        """Plain lists and dictionaries, for `from_json`."""
        return {
            "place": asdict(self.place),
            "how": self.how,
            "grid": self.grid.as_json(),
            "taken": [[one.kind, *one.box] for one in self.taken],
        }

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> "PageLook":
        taken = tuple(Taken(*one) for one in facts["taken"])
        return cls(Placement(**facts["place"]), facts["how"], Grid.from_json(facts["grid"]), taken)
