"""Where a stamp stands: from the page as a person sees it to the page as the file counts it.

A person sees the *displayed* page: cut to MediaBox ∩ CropBox, turned by /Rotate, enlarged by /UserUnit (ISO
32000-1, 7.7.3.3). The file wants *default user space*: unturned, with an origin anywhere. Everything stored
is in displayed points with the origin at the bottom left; only `PageFrame` knows the other side.
"""

from dataclasses import dataclass, replace

DEFAULT_SIZE = 86.0
"""Side of the stamp in points: about 3 cm, inside the 54 to 100 points seen in the wild."""
SMALLEST_SIZE, LARGEST_SIZE = 54.0, 144.0
SMALLEST_PAGE = 20.0
"""A page with a shorter side than this, in points, has no room that anyone could read a stamp in."""


class GeometryError(ValueError):
    """The page or the placement makes no sense; `code` is one of `page_too_small`, `bad_placement`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Box:
    """A rectangle in default user space: lower left and upper right corner, in user units."""

    llx: float
    lly: float
    urx: float
    ury: float

    @property
    def width(self) -> float:
        return self.urx - self.llx

    @property
    def height(self) -> float:
        return self.ury - self.lly

    def meet(self, other: "Box") -> "Box | None":
        """The common part of two boxes, or None when they have none."""
        box = Box(
            max(self.llx, other.llx),
            max(self.lly, other.lly),
            min(self.urx, other.urx),
            min(self.ury, other.ury),
        )
        return box if box.width > 0 and box.height > 0 else None

    @classmethod
    def of(cls, numbers: tuple[float, float, float, float]) -> "Box":
        """From any two opposite corners, as ISO 32000-1, 7.9.5 allows."""
        x1, y1, x2, y2 = numbers
        return cls(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))


@dataclass(frozen=True)
class Placement:
    """Where the stamp stands: page (from 1), lower left corner and side in displayed points, origin bottom
    left."""

    page: int
    x: float
    y: float
    size: float = DEFAULT_SIZE


@dataclass(frozen=True)
class PageFrame:
    """How one page is shown. `visible` is in user space; `rotation` is 0, 90, 180 or 270 degrees
    clockwise."""

    visible: Box
    rotation: int = 0
    user_unit: float = 1.0

    @property
    def width(self) -> float:
        """Displayed width in points."""
        side = self.visible.height if self.rotation in (90, 270) else self.visible.width
        return side * self.user_unit

    @property
    def height(self) -> float:
        """Displayed height in points."""
        side = self.visible.width if self.rotation in (90, 270) else self.visible.height
        return side * self.user_unit

    @property
    def too_small(self) -> bool:
        return min(self.width, self.height) < SMALLEST_PAGE

    def fit(self, placement: Placement) -> Placement:
        """The same placement, moved and if need be shrunk so that the whole stamp is on the page.

        Raises GeometryError: `bad_placement` for a size that is not allowed or no number, `page_too_small`.
        """
        if not SMALLEST_SIZE <= placement.size <= LARGEST_SIZE:
            raise GeometryError("bad_placement")
        if not (abs(placement.x) < 1e6 and abs(placement.y) < 1e6):
            raise GeometryError("bad_placement")
        if self.too_small:
            raise GeometryError("page_too_small")
        size = min(placement.size, self.width, self.height)
        return replace(
            placement,
            x=min(max(placement.x, 0.0), self.width - size),
            y=min(max(placement.y, 0.0), self.height - size),
            size=size,
        )

    def to_user(self, placement: Placement) -> Box:
        """The stamp's box in default user space. Raises GeometryError as `fit` does."""
        fitted = self.fit(placement)
        x1, y1 = self._point(fitted.x, fitted.y)
        x2, y2 = self._point(fitted.x + fitted.size, fitted.y + fitted.size)
        return Box.of((x1, y1, x2, y2))

    def to_displayed(self, box: Box) -> Box:
        """A box of default user space (a text's, an annotation's) in displayed points; it may leave the page."""
        x1, y1 = self._shown(box.llx, box.lly)
        x2, y2 = self._shown(box.urx, box.ury)
        return Box.of((x1, y1, x2, y2))

    def _shown(self, x: float, y: float) -> tuple[float, float]:
        """The way back from `_point`."""
        box, unit = self.visible, self.user_unit
        if self.rotation == 90:
            return (y - box.lly) * unit, (box.urx - x) * unit
        if self.rotation == 180:
            return (box.urx - x) * unit, (box.ury - y) * unit
        if self.rotation == 270:
            return (box.ury - y) * unit, (x - box.llx) * unit
        return (x - box.llx) * unit, (y - box.lly) * unit

    def _point(self, x: float, y: float) -> tuple[float, float]:
        """One displayed point (points from the bottom left) in default user space."""
        x, y, box = x / self.user_unit, y / self.user_unit, self.visible
        if self.rotation == 90:
            return box.urx - y, box.lly + x
        if self.rotation == 180:
            return box.urx - x, box.ury - y
        if self.rotation == 270:
            return box.llx + y, box.ury - x
        return box.llx + x, box.lly + y


def from_fractions(
    *, page: int, left: float, top: float, width: float, height: float, size: float = DEFAULT_SIZE
) -> Placement:
    """A placement from a click on the page picture.

    `left` and `top` are fractions 0..1 of the displayed page, measured from its top left corner to the
    stamp's top left corner; `width` and `height` are the displayed page's, in points.
    """
    return Placement(page=page, x=left * width, y=height - top * height - size, size=size)


def to_fractions(placement: Placement, *, width: float, height: float) -> tuple[float, float, float, float]:
    """(left, top, width, height) of the stamp as fractions 0..1 of the displayed page, from its top left
    corner."""
    top = height - placement.y - placement.size
    return placement.x / width, top / height, placement.size / width, placement.size / height


def frame(
    *,
    media: tuple[float, float, float, float],
    crop: tuple[float, float, float, float] | None,
    rotation: int,
    user_unit: float,
) -> PageFrame:
    """A page frame from the raw page entries.

    A CropBox that misses the MediaBox is ignored, a rotation that is no quarter turn counts as none, a user
    unit of zero or less as one: so do the viewers.
    """
    box = Box.of(media)
    visible = (box.meet(Box.of(crop)) if crop else None) or box
    turned = int(rotation) % 360
    return PageFrame(
        visible=visible,
        rotation=turned if turned in (0, 90, 180, 270) else 0,
        user_unit=float(user_unit) if user_unit and user_unit > 0 else 1.0,
    )
