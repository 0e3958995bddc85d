"""A small cast: Siti bought at the official shop, Budi at the reseller Toko Contoh; Rina is the issuer's staff."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache

from meterai.models import Reseller, User
from orders import paying
from orders.contacts import Contact
from orders.models import Order
from stamping import authorities
from stamping.authority import development
from stamping.authority.local import LocalEngine
from stamping.pdf import geometry, sealing
from support import complaining
from support.models import Ticket
from tests import factories

DATA = Path(__file__).resolve().parents[1] / "data"
# A Tuesday, 10.00 WIB: people are at work.
TUESDAY = datetime(2026, 9, 1, 3, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def fresh_limits() -> Iterator[None]:
    """Each test starts with nothing counted."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def rina(db: None) -> User:
    """Staff who may change tickets."""
    user = User.objects.create_user("rina", password="kata-sandi-rina", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_ticket", "change_ticket"]))
    return user


@pytest.fixture
def dewi(db: None) -> User:
    """Staff who may only look."""
    user = User.objects.create_user("dewi", password="kata-sandi-dewi", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_ticket"))
    return user


@pytest.fixture
def toko(db: None) -> Reseller:
    """A reseller."""
    return Reseller.objects.create(code="toko-contoh", name="Toko Contoh", contact_email="bantuan@toko.example")


@pytest.fixture
def kios(db: None) -> Reseller:
    """Another reseller."""
    return Reseller.objects.create(code="kios-lain", name="Kios Lain", contact_email="bantuan@kios.example")


@pytest.fixture
def team(toko: Reseller) -> User:
    """A member of Toko Contoh's team."""
    return User.objects.create_user("tono", password="kata-sandi-tono", reseller=toko)


@pytest.fixture
def sold(db: None, toko: Reseller) -> Callable[..., Order]:
    """Makes a paid order of one stamp: `sold(email=…, reseller=…)`; with `paid=False` it stays reserved."""
    factories.stock(60, at=TUESDAY)
    factories.lease(toko, 20, at=TUESDAY)

    def make(*, email: str = "siti@contoh.example", reseller: Reseller | None = None, paid: bool = True) -> Order:
        code = reseller.code if reseller else ""
        order = factories.order(at=TUESDAY, quantity=1, email=email, reseller_code=code)
        payment = factories.asked_for(order, at=TUESDAY)
        if paid:
            paying.settle(payment=payment, standing=factories.standing(payment, at=TUESDAY), at=TUESDAY)
        return Order.objects.select_related("reseller").get(pk=order.pk)

    return make


@pytest.fixture
def siti_order(sold: Callable[..., Order]) -> Order:
    """Siti's, at the official shop."""
    return sold()


@pytest.fixture
def budi_order(sold: Callable[..., Order], toko: Reseller) -> Order:
    """Budi's, at Toko Contoh."""
    return sold(email="budi@contoh.example", reseller=toko)


@pytest.fixture
def complain(db: None) -> Callable[..., Ticket]:
    """Takes a complaint of Budi's: `complain(category=…, order=…)`."""

    def make(*, at: datetime = TUESDAY, key: str = "", **values: Any) -> Ticket:
        said: dict[str, Any] = {
            "category": "paid_no_stamps",
            "text": "Sudah bayar, belum ada.",
            "contact": Contact(email="budi@contoh.example"),
        }
        complaint = complaining.Complaint(**(said | values))
        return complaining.complain(complaint=complaint, idempotency_key=key or uuid.uuid4().hex, at=at)

    return make


@pytest.fixture
def sealed(tmp_path: Path, settings: Any) -> Iterator[Callable[[str], bytes]]:
    """Seals the letter with a serial, by an authority that this site trusts for the test: `sealed(serial)`."""
    paths = development.make(folder=tmp_path / "authority", at=TUESDAY - timedelta(days=1))
    settings.TRUST_ROOTS = paths.root
    authorities.roots.cache_clear()

    def seal(serial: str) -> bytes:
        return sealing.seal(
            source=(DATA / "letter.pdf").read_bytes(),
            placement=geometry.Placement(page=1, x=330.0, y=180.0),
            serial=serial,
            verification_url="https://meterai.example/v/x",
            reason_text="Meterai elektronik",
            engine=LocalEngine.from_pkcs12(path=paths.signer, passphrase=paths.passphrase.read_text()),
            at=TUESDAY,
        ).data

    yield seal
    authorities.roots.cache_clear()
