"""The table in routing.py, row by row; no database."""

import itertools

import pytest

from meterai.models import Reseller
from support import routing
from support.evidence import NO_PROOF, Evidence, Kind
from support.models import Body, Reason, Ticket

TOKO = Reseller(pk=1, code="toko", name="Toko")
KIOS = Reseller(pk=2, code="kios", name="Kios")
CLOSED_SHOP = Reseller(pk=3, code="tutup", name="Tutup", is_active=False)
OF_TOKO = Evidence(Kind.ORDER_LINK, "MT-1", TOKO)
OF_KIOS = Evidence(Kind.SEALED_FILE, "A" * 22, KIOS)
OF_SHOP = Evidence(Kind.ORDER_LINK, "MT-2")
SAYS_TOKO = Evidence(Kind.SAID, "toko", TOKO)
SAYS_KIOS = Evidence(Kind.SAID, "kios", KIOS)
CLAIMS_ORDER = Evidence(Kind.ORDER_CLAIMED, "MT-3")


@pytest.mark.parametrize("category", sorted(routing.SERVICE))
def test_a_failure_of_the_service_is_the_issuers_whoever_sold(category: str) -> None:
    assert routing.route(category=category, evidence=[OF_TOKO]) == routing.Route(Body.ISSUER, Reason.SERVICE)


@pytest.mark.parametrize("category", sorted(routing.PURCHASE))
@pytest.mark.parametrize("kind", sorted(set(Kind) - NO_PROOF))
def test_a_purchase_goes_to_the_reseller_that_sold_it_on_any_proof(category: str, kind: Kind) -> None:
    route = routing.route(category=category, evidence=[Evidence(kind, "x", TOKO)])
    assert route == routing.Route(Body.RESELLER, Reason.SOLD_BY_RESELLER, TOKO)


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        ([OF_SHOP], Reason.OFFICIAL_SHOP),
        ([OF_KIOS, OF_TOKO], Reason.CONTRADICTORY),
        ([OF_SHOP, OF_KIOS], Reason.CONTRADICTORY),
        ([OF_TOKO, SAYS_KIOS], Reason.CONTRADICTORY),
        ([OF_SHOP, SAYS_KIOS], Reason.CONTRADICTORY),
        ([SAYS_TOKO], Reason.ONLY_SAID),
        ([CLAIMS_ORDER, SAYS_TOKO], Reason.ONLY_SAID),
        ([CLAIMS_ORDER], Reason.NO_EVIDENCE),
        ([], Reason.NO_EVIDENCE),
        ([Evidence(Kind.SERIAL, "x", CLOSED_SHOP)], Reason.RESELLER_INACTIVE),
    ],
)
def test_a_purchase_that_is_not_surely_a_resellers_goes_to_the_issuer(evidence: list[Evidence], reason: Reason) -> None:
    assert routing.route(category="refund", evidence=evidence) == routing.Route(Body.ISSUER, reason)


def test_a_reseller_named_as_well_as_proven_gets_the_ticket() -> None:
    assert routing.route(category="refund", evidence=[OF_TOKO, SAYS_TOKO]).reseller == TOKO


def test_what_is_of_no_known_kind_goes_to_the_issuer() -> None:
    assert routing.route(category="other", evidence=[OF_TOKO]) == routing.Route(Body.ISSUER, Reason.UNCLEAR)


def test_every_category_has_a_layer_of_its_own_but_other() -> None:
    assert set(Ticket.Category) - {Ticket.Category.OTHER} == routing.PURCHASE | routing.SERVICE
    assert not routing.PURCHASE & routing.SERVICE


def test_no_ticket_reaches_a_reseller_without_proof_whatever_the_evidence() -> None:
    pieces = [OF_TOKO, OF_KIOS, OF_SHOP, SAYS_TOKO, SAYS_KIOS, CLAIMS_ORDER]
    for size in range(len(pieces) + 1):
        for chosen in itertools.combinations(pieces, size):
            route = routing.route(category="paid_twice", evidence=chosen)
            sellers = {piece.reseller for piece in chosen if piece.is_proof}
            assert route.reseller is None or sellers == {route.reseller}


def test_every_route_has_a_sentence_for_the_person() -> None:
    assert routing.route(category="refund", evidence=[]).sentence.endswith(".")
