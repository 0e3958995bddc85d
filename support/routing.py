"""Who must answer, as a table. Pure: the same category and evidence always give the same body.

Which layer failed matters as much as who sold. The service (affixing, sealing, downloads, verification) is the
issuer's, whoever sold the stamp. A purchase (payment, refund, account) is the seller's.

    | layer    | what is proven                              | goes to       | reason            |
    |----------|---------------------------------------------|---------------|-------------------|
    | service  | (does not matter)                           | issuer        | SERVICE           |
    | unknown  | (does not matter)                           | issuer        | UNCLEAR           |
    | purchase | two proofs, two sellers                     | issuer        | CONTRADICTORY     |
    | purchase | a seller, and the person named another one  | issuer        | CONTRADICTORY     |
    | purchase | the official shop                           | issuer        | OFFICIAL_SHOP     |
    | purchase | a reseller, who sells no more               | issuer        | RESELLER_INACTIVE |
    | purchase | a reseller                                  | that reseller | SOLD_BY_RESELLER  |
    | purchase | nothing, but the person named a reseller    | issuer        | ONLY_SAID         |
    | purchase | nothing                                     | issuer        | NO_EVIDENCE       |

A ticket reaches a reseller by one row only, and only on proof: a complaint sent to the wrong reseller hands somebody's
personal data to a business that person never dealt with. The issuer's staff can still send it on (custody.hand_over).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from meterai.models import Reseller

from .evidence import Evidence, Kind
from .models import Body, Reason, Ticket

Category = Ticket.Category

PURCHASE = frozenset(
    {
        Category.PAID_NO_STAMPS,
        Category.PAID_TWICE,
        Category.REFUND,
        Category.RESELLER_PURCHASE,
        Category.RESELLER_ACCOUNT,
    }
)
SERVICE = frozenset(
    {
        Category.AFFIXING_FAILED,
        Category.CANNOT_AFFIX,
        Category.FILE_REFUSED,
        Category.DOWNLOAD_GONE,
        Category.NOT_VALID,
    }
)


@dataclass(frozen=True)
class Route:
    """Where a ticket goes, and why. `reseller` is set exactly when the body is a reseller."""

    body: Body
    reason: Reason
    reseller: Reseller | None = None

    @property
    def sentence(self) -> str:
        """The reason as the complainant reads it."""
        return str(self.reason.label)


def route(*, category: str, evidence: Sequence[Evidence]) -> Route:
    """The row of the table above that fits."""
    if category in SERVICE:
        return Route(Body.ISSUER, Reason.SERVICE)
    if category not in PURCHASE:
        return Route(Body.ISSUER, Reason.UNCLEAR)
    return _by_seller(evidence)


def _by_seller(evidence: Sequence[Evidence]) -> Route:
    proven = {piece.reseller for piece in evidence if piece.is_proof}
    said = {piece.reseller for piece in evidence if piece.kind is Kind.SAID}
    if not proven:
        return Route(Body.ISSUER, Reason.ONLY_SAID if said else Reason.NO_EVIDENCE)
    if len(proven | said) > 1:
        return Route(Body.ISSUER, Reason.CONTRADICTORY)
    (seller,) = proven
    if seller is None:
        return Route(Body.ISSUER, Reason.OFFICIAL_SHOP)
    if not seller.is_active:
        return Route(Body.ISSUER, Reason.RESELLER_INACTIVE)
    return Route(Body.RESELLER, Reason.SOLD_BY_RESELLER, seller)
