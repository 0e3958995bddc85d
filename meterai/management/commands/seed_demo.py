"""A shop to try: people, resellers and 2,000 serials that are good for nothing. Safe to run again."""

import io
import secrets
import string
from datetime import datetime
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from meterai import depositing, leasing, stocking
from meterai.models import Batch, Movement, Outlet, Reseller, User

REFERENCE = "DEMO-0001"
SERIALS = 2000
LEASE = 200
# What each reseller paid ahead, in stamps: more than its lease, so that another one can be tried.
DEPOSIT = 250

# Their real names, since people know them; every contact is invented, under domains that cannot exist (RFC 2606).
RESELLERS = {
    "skill-academy": "Skill Academy",
    "posfin": "Posfin",
    "e-met": "e-MET (Momofin)",
    "sobatmeterai": "Sobatmeterai",
    "kantor-pos": "Kantor Pos",
}
OUTLETS = (
    ("kantor-pos", "Kantor Pos Percontohan Jakarta", "Jalan Contoh 1", "Jakarta Pusat", "DKI Jakarta"),
    ("kantor-pos", "Kantor Pos Percontohan Bandung", "Jalan Contoh 2", "Bandung", "Jawa Barat"),
    ("kantor-pos", "Kantor Pos Percontohan Makassar", "Jalan Contoh 3", "Makassar", "Sulawesi Selatan"),
    ("posfin", "Gerai Posfin Percontohan", "Jalan Contoh 4", "Surabaya", "Jawa Timur"),
)
_READ_SHOP = Q(content_type__app_label__in=["meterai", "orders", "stamping", "support"], codename__startswith="view_")
_STOCK = [
    "add_batch",
    "add_delivery",
    "change_batch",
    "recall_batch",
    "add_deposit",
    "decide_deposit",
    "lease_stock",
]
# Who decides for everybody at once: the public's news, the waiting rooms, the way back after an outage.
_LEAD = ["view_room", "manage_room", "manage_incident", "lead_recovery"]
_HELP = ["change_order", "change_payment", "change_notice"]
_MONEY = [
    "view_order",
    "view_payment",
    "view_refund",
    "view_receipt",
    "view_discrepancy",
    "view_settlement",
    "view_notification",
    "view_bankstatement",
    "view_bankentry",
    "add_settlement",
    "add_bankstatement",
    "match_bankentry",
    "change_discrepancy",
    "change_payment",
    "add_refund",
    "change_refund",
    "unmask_account",
]
GROUPS = {
    "Gudang": Q(content_type__app_label="meterai", codename__in=_STOCK)
    | Q(content_type__app_label="meterai", codename__startswith="view_") & ~Q(codename="view_user"),
    "Petugas bantuan": _READ_SHOP & ~Q(codename="view_user")
    | Q(content_type__app_label="orders", codename__in=_HELP)
    | Q(content_type__app_label="support") & ~Q(codename__startswith="delete_") & ~Q(codename="lead_recovery"),
    "Pimpinan": Q(codename__in=_LEAD),
    "Keuangan": Q(content_type__app_label="orders", codename__in=_MONEY),
    "Kontak pembeli": Q(content_type__app_label="orders", codename="unmask_buyers"),
}
STAFF = {
    "gudang": ["Gudang"],
    "penyelia": ["Gudang", "Pimpinan"],
    "petugas": ["Petugas bantuan", "Kontak pembeli"],
    "keuangan": ["Keuangan"],
}


class Command(BaseCommand):
    help = "Make demo people, resellers and stock; refuses on a site for real stamps."

    def handle(self, *arguments: Any, **options: Any) -> None:
        if not settings.DEMO_PASSWORD:
            raise CommandError("This site is for real stamps (IS_DEMO is off): no demo data are made here.")
        with transaction.atomic():
            people = _people()
            resellers = _resellers()
            _stock(people, resellers, at=timezone.now())
            # Open, and in nobody's way until a crowd comes. By name: imports point the other way.
            apps.get_model("orders.Room").objects.get_or_create(slug="toko", defaults={"name": "Toko resmi"})
        for name in people:
            self.stdout.write(f"login: {name} / {settings.DEMO_PASSWORD}")


def _people() -> dict[str, User]:
    groups = {name: _group(name, wanted) for name, wanted in GROUPS.items()}
    people = {"admin": _person("admin", is_superuser=True)}
    for name, wanted in STAFF.items():
        people[name] = _person(name)
        people[name].groups.add(*(groups[group] for group in wanted))
    return people


def _group(name: str, wanted: Q) -> Group:
    group, _created = Group.objects.get_or_create(name=name)
    group.permissions.set(Permission.objects.filter(wanted))
    return group


def _person(name: str, *, is_superuser: bool = False) -> User:
    """An existing person keeps the password that somebody may have changed."""
    email = f"{name}@meterai.example"
    values = {"is_staff": True, "is_superuser": is_superuser, "email": email}
    person, created = User.objects.get_or_create(username=name, defaults=values)
    if created:
        person.set_password(settings.DEMO_PASSWORD)
        person.save(update_fields=["password"])
    return person


def _resellers() -> list[Reseller]:
    made = []
    for number, (code, name) in enumerate(RESELLERS.items(), start=1):
        values = {
            "name": name,
            "contact_email": f"bantuan@{code}.example",
            "contact_phone": f"021-0000-000{number}",
            "contact_hours": "Senin–Jumat 08.00–17.00 WIB",
            "website": f"https://{code}.example/",
            "low_stock_threshold": LEASE // 4,
            "is_demo": True,
        }
        made.append(Reseller.objects.get_or_create(code=code, defaults=values)[0])
    for code, name, address, city, province in OUTLETS:
        where = {"address": address, "province": province, "opening_hours": "Senin–Sabtu 08.00–15.00"}
        reseller = next(one for one in made if one.code == code)
        Outlet.objects.get_or_create(reseller=reseller, name=name, city=city, defaults=where)
    return made


def _stock(people: dict[str, User], resellers: list[Reseller], *, at: datetime) -> None:
    batch = Batch.objects.filter(reference=REFERENCE).first()
    if batch is None:
        batch = stocking.take_in(delivery=_delivery(), reference=REFERENCE, by=people["gudang"], at=at)
    if batch.state == Batch.State.DRAFT:
        stocking.activate(batch=batch, by=people["penyelia"], at=at)
    for reseller in resellers:
        if not Movement.objects.filter(reference=_deposit_of(reseller)).exists():
            _lease(people, reseller, at=at)


def _lease(people: dict[str, User], reseller: Reseller, *, at: datetime) -> None:
    deposit = depositing.record(
        reseller=reseller,
        reference=_deposit_of(reseller),
        amount=DEPOSIT * settings.DUTY,
        by=people["gudang"],
        at=at,
    )
    depositing.confirm(deposit=deposit, by=people["penyelia"], at=at)
    leasing.grant(reseller=reseller, quantity=LEASE, deposit=deposit, by=people["penyelia"], at=at)


def _deposit_of(reseller: Reseller) -> str:
    return f"DEMO-DEPOSIT-{reseller.code}"


def _delivery() -> io.BytesIO:
    """A file as the issuer would send it; each serial says DEMO and is random behind it."""
    letters = string.ascii_uppercase + string.digits
    serials = {"DEMO" + "".join(secrets.choice(letters) for _ in range(18)) for _ in range(SERIALS)}
    return io.BytesIO("\n".join(["serial", *serials, ""]).encode())
