"""The issuer's remote engine against a stand-in that keeps its quirks, and serials that are saved first."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from meterai import stocking
from meterai.models import Flip, Stamp, User
from orders import ordering
from orders.ordering import Wish
from stamping import authorities, files, issuing, placing, preparing, verifying
from stamping import sealing as affixing
from stamping.authority.engine import REASONS, Job, Sealer, SealingError
from stamping.authority.issuer import OUTCOMES, Adapter, IssuerSealer
from stamping.authority.issuer_client import IssuerClient
from stamping.models import Document
from stamping.models_issued import IssuedSerial
from stamping.pdf import geometry, inspecting
from stamping.pdf.trouble import Refused
from stamping.verdict import Conclusion
from tests.contracts.issuer_server import PASSWORD, THERE, USER, IssuerServer, picture
from tests.stamping import pdf_tools as tools
from tests.stamping.conftest import NOW as EARLIER
from tests.stamping.conftest import pay

NOW = tools.NOW


@pytest.fixture
def server(tmp_path: Path) -> Iterator[IssuerServer]:
    folder = tmp_path / "shared"
    folder.mkdir()
    with IssuerServer(folder=folder, paths=tools.authority("ours")) as server:
        yield server


@pytest.fixture
def client(server: IssuerServer) -> IssuerClient:
    return IssuerClient(backend=server.url, stamps=server.url, user=USER, password=PASSWORD)


@pytest.fixture
def sealer(server: IssuerServer, client: IssuerClient) -> IssuerSealer:
    adapter = Adapter(url=server.url, folder=server.folder, folder_there=THERE, patience=0.3)
    return IssuerSealer(adapter=adapter, client=client)


@pytest.fixture
def job(client: IssuerClient) -> Job:
    """A letter, and a serial that the issuer minted for it."""
    minted = client.mint(name="surat", document_type="3", at=NOW)
    return Job(
        source=tools.source("letter"),
        placement=geometry.Placement(page=1, x=330.4, y=180.6, size=86.0),
        serial=minted.serial,
        verification_url=tools.ADDRESS,
        reason_text="Meterai elektronik",
        at=NOW,
        picture=minted.picture,
    )


def failed(sealer: Sealer, job: Job) -> SealingError:
    with pytest.raises(SealingError) as trouble:
        sealer.seal(job)
    return trouble.value


# --- the account ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nested", [False, True])
def test_one_login_serves_a_day(server: IssuerServer, client: IssuerClient, nested: bool) -> None:
    server.is_nested = nested
    for hours in (0, 1, 22):
        client.mint(name=f"n{hours}", document_type="3", at=NOW + timedelta(hours=hours))
    assert server.logins == 1
    client.mint(name="n24", document_type="3", at=NOW + timedelta(hours=24))
    assert server.logins == 2


def test_a_token_that_ran_out_early_means_logging_in_again_and_mints_once(
    server: IssuerServer, client: IssuerClient
) -> None:
    client.token(at=NOW)
    server.forget_tokens()
    client.mint(name="satu", document_type="3", at=NOW)
    assert (server.logins, len(server.minted)) == (2, 1)


def test_a_wrong_password_is_said_plainly_and_not_repeated(server: IssuerServer) -> None:
    client = IssuerClient(backend=server.url, stamps=server.url, user=USER, password="salah")
    with pytest.raises(SealingError) as trouble:
        client.token(at=NOW)
    assert trouble.value.code == "issuer_login"
    assert "salah" not in f"{trouble.value!r}{trouble.value}{client!r}"


def test_a_serial_comes_with_its_picture_under_either_name(client: IssuerClient) -> None:
    minted = [client.mint(name=f"n{number}", document_type="3", at=NOW) for number in range(2)]
    assert [one.picture for one in minted] == [picture(), picture()]
    assert minted[0].serial != minted[1].serial


def test_kinds_of_documents_can_be_listed(client: IssuerClient) -> None:
    assert client.document_types(at=NOW)["3"] == "Surat Pernyataan"


def test_a_long_list_is_read_to_its_end(server: IssuerServer, client: IssuerClient) -> None:
    for number in range(250):
        client.mint(name=f"n{number}", document_type="3", at=NOW)
    assert {one.serial for one in client.unused(at=NOW)} == set(server.minted)


@pytest.mark.parametrize("trouble", ["html", "500", "302", "large", "lost"])
def test_an_answer_that_makes_no_sense_is_a_delay(server: IssuerServer, client: IssuerClient, trouble: str) -> None:
    client.token(at=NOW)
    server.trouble = [trouble]
    with pytest.raises(SealingError) as raised:
        client.mint(name="satu", document_type="3", at=NOW)
    assert raised.value.code in ("issuer_unreachable", "issuer_strange") and not raised.value.permanent


# --- sealing -------------------------------------------------------------------------------------------------


def test_the_issuers_engine_keeps_the_contract(sealer: IssuerSealer, job: Job) -> None:
    assert isinstance(sealer, Sealer)
    sealed = sealer.seal(job)
    (seal,) = inspecting.inspect(source=sealed.data, roots=tools.roots(), at=NOW).seals
    assert (seal.serial, seal.intact, seal.certificate_trusted) == (job.serial, True, True)
    assert sealed.sha256 == seal.prefix_sha256 == hashlib.sha256(sealed.data).hexdigest()


def test_the_place_goes_out_in_whole_points_lower_left_first(
    server: IssuerServer, sealer: IssuerSealer, job: Job
) -> None:
    sealer.seal(job)
    (wish,) = server.wishes
    assert [wish[name] for name in ("visLLX", "visLLY", "visURX", "visURY")] == [331, 181, 416, 266]
    assert wish["visSignaturePage"] == 1 and wish["retryFlag"] == "0"


@pytest.mark.parametrize("name", ["rotated-90", "rotated-180", "rotated-270", "shifted"])
def test_a_turned_or_shifted_page_gets_a_place_inside_it(
    name: str, server: IssuerServer, sealer: IssuerSealer, job: Job
) -> None:
    source = tools.source(name)
    sealer.seal(replace(job, source=source, placement=geometry.Placement(page=1, x=40.5, y=60.5)))
    (wish,) = server.wishes
    with pikepdf.open(BytesIO(source)) as pdf:
        left, bottom, right, top = (float(number) for number in pdf.pages[0].cropbox)
    assert left <= wish["visLLX"] < wish["visURX"] <= right
    assert bottom <= wish["visLLY"] < wish["visURY"] <= top


@pytest.mark.parametrize("page", [0, 2, 99])
def test_a_page_past_the_end_is_refused_by_us_and_nothing_is_sent(
    page: int, server: IssuerServer, sealer: IssuerSealer, job: Job
) -> None:
    with pytest.raises(Refused) as refused:
        sealer.seal(replace(job, placement=geometry.Placement(page=page, x=10.0, y=10.0)))
    assert refused.value.code == "no_such_page"
    assert server.wishes == []


@pytest.mark.parametrize("code", sorted(OUTCOMES))
def test_every_error_code_has_a_plain_reason_and_nothing_the_issuer_wrote(
    code: str, server: IssuerServer, sealer: IssuerSealer, job: Job
) -> None:
    server.failures = [code]
    trouble = failed(sealer, job)
    assert trouble.permanent == (code in ("80", "81", "82", "83", "90"))
    assert trouble.reason == REASONS[trouble.code]
    assert "rahasia" not in f"{trouble!r}{trouble}{trouble.reason}"


def test_a_code_that_nobody_documented_is_a_delay(server: IssuerServer, sealer: IssuerSealer, job: Job) -> None:
    server.failures = ["55"]
    trouble = failed(sealer, job)
    assert (trouble.code, trouble.permanent) == ("issuer_unknown", False)


def test_a_file_that_comes_late_is_found_by_the_next_try_without_asking_again(
    server: IssuerServer, sealer: IssuerSealer, job: Job
) -> None:
    server.holds_results = True
    trouble = failed(sealer, job)
    assert (trouble.code, trouble.permanent) == ("result_late", False)
    server.deliver()
    assert sealer.seal(replace(job, repeated=True)).data
    assert len(server.wishes) == 1


def test_half_a_file_is_not_taken_for_the_result(server: IssuerServer, sealer: IssuerSealer, job: Job) -> None:
    server.holds_results = True
    failed(sealer, job)
    (path,) = server.held
    path.write_bytes(server.held[path][:-200])
    assert failed(sealer, replace(job, repeated=True)).code == "result_late"
    whole = server.held[path]
    server.deliver()
    assert sealer.seal(replace(job, repeated=True)).data == whole


def test_a_whole_file_with_another_seal_is_thrown_away_and_asked_for_again(
    server: IssuerServer, sealer: IssuerSealer, job: Job
) -> None:
    server.holds_results = True
    failed(sealer, job)
    (path,) = server.held
    path.write_bytes(tools.seal(tools.source("letter"), serial=tools.OTHER_SERIAL))
    os.utime(path, (NOW.timestamp() - 60, NOW.timestamp() - 60))
    trouble = failed(sealer, replace(job, repeated=True))
    assert (trouble.code, trouble.permanent, path.exists()) == ("result_wrong", False, False)
    server.holds_results = False
    assert sealer.seal(replace(job, repeated=True)).data


def test_a_lost_answer_is_repeated_with_the_same_bytes_and_the_retry_flag(
    server: IssuerServer, sealer: IssuerSealer, job: Job
) -> None:
    server.failures = ["91"]
    failed(sealer, job)
    sealer.seal(replace(job, repeated=True))
    assert [wish["retryFlag"] for wish in server.wishes] == ["0", "1"]
    first, second = ({**wish, "retryFlag": "", "jwToken": ""} for wish in server.wishes)
    assert first == second


def test_an_answer_lost_after_the_file_was_made_costs_nothing(
    server: IssuerServer, sealer: IssuerSealer, job: Job
) -> None:
    server.trouble = ["lost"]
    assert failed(sealer, job).code == "issuer_unreachable"
    assert sealer.seal(replace(job, repeated=True)).data
    assert len(server.wishes) == 1


def test_a_sealed_serial_is_not_used_for_other_bytes(server: IssuerServer, sealer: IssuerSealer, job: Job) -> None:
    sealer.seal(job)
    assert failed(sealer, replace(job, source=tools.source("scan"), repeated=True)).code == "issuer_signing"


def test_without_the_issuers_picture_nothing_is_sent(server: IssuerServer, sealer: IssuerSealer, job: Job) -> None:
    trouble = failed(sealer, replace(job, picture=b""))
    assert (trouble.code, trouble.permanent, server.wishes) == ("picture_missing", False, [])


def test_a_folder_that_is_gone_is_a_delay(client: IssuerClient, server: IssuerServer, job: Job) -> None:
    adapter = Adapter(url=server.url, folder=server.folder / "gone", folder_there=THERE)
    assert failed(IssuerSealer(adapter=adapter, client=client), job).code == "issuer_folder"


def test_what_people_sent_does_not_stay_in_the_folder(server: IssuerServer, sealer: IssuerSealer, job: Job) -> None:
    old = server.folder / "lama.pdf"
    old.write_bytes(b"%PDF-1.7")
    os.utime(old, (0, 0))
    sealer.seal(job)
    assert [path.name for path in server.folder.iterdir()] == [Path(server.wishes[0]["dest"]).name]


def test_nothing_secret_is_in_a_repr(client: IssuerClient, sealer: IssuerSealer, job: Job) -> None:
    said = f"{client!r}{sealer!r}{job!r}"
    assert PASSWORD not in said and client.token(at=NOW) not in said and "%PDF" not in said


# --- serials saved first -------------------------------------------------------------------------------------


@pytest.fixture
def account(server: IssuerServer, settings: Any) -> Iterator[IssuerServer]:
    """The site under test has this account at the issuer."""
    settings.AUTHORITY = {
        "engine": "issuer",
        "issuer": {
            "backend": server.url,
            "stamps": server.url,
            "user": USER,
            "password": PASSWORD,
            "document_type": "3",
            "adapter": server.url,
            "folder": str(server.folder),
            "folder_there": THERE,
            "profile": "emeteraicertificateSigner",
            "location": "JAKARTA",
            "patience": "0.3",
        },
    }
    authorities.forget()
    yield server
    authorities.forget()


@pytest.mark.django_db
def test_serial_and_picture_are_saved_with_every_step_on_record(account: IssuerServer) -> None:
    saved = issuing.ask(count=3, at=NOW)
    assert set(saved) == set(account.minted) and len(saved) == 3
    assert issuing.picture_of(saved[0]) == picture()
    assert issuing.picture_of("X" * 22) == b""
    row = IssuedSerial.objects.get(serial=saved[0])
    steps = Flip.objects.filter(noun="stamping.issuedserial", row=str(row.pk)).order_by("pk")
    assert [(step.old, step.new) for step in steps] == [("", "asked"), ("asked", "saved")]


@pytest.mark.django_db
def test_a_lost_answer_is_never_asked_again_but_found_in_the_list(account: IssuerServer) -> None:
    authorities.issuer_client().token(at=NOW)
    account.trouble, account.lists_pictures = ["lost"], True
    assert issuing.ask(count=2, at=NOW) == []
    assert len(account.minted) == 1 and IssuedSerial.objects.get().state == "asked"
    (serial,) = account.minted
    assert issuing.reconcile(at=NOW) == issuing.Reconciled(found=(serial,))
    assert issuing.picture_of(serial) == picture()
    assert issuing.reconcile(at=NOW) == issuing.Reconciled()


@pytest.mark.django_db
def test_a_serial_without_its_picture_is_not_sold_until_it_has_one(account: IssuerServer) -> None:
    authorities.issuer_client().token(at=NOW)
    account.trouble = ["lost"]
    issuing.ask(count=1, at=NOW)
    (serial,) = account.minted
    assert issuing.reconcile(at=NOW) == issuing.Reconciled(found=(serial,), no_picture=(serial,))
    assert issuing.undelivered() == []
    account.lists_pictures = True
    assert issuing.reconcile(at=NOW).is_clean
    assert issuing.undelivered() == [serial]


@pytest.mark.django_db
def test_a_serial_that_the_issuer_gives_twice_is_saved_once(account: IssuerServer) -> None:
    (serial,) = issuing.ask(count=1, at=NOW)
    row = IssuedSerial.objects.create(id=uuid.uuid4(), asked_at=NOW)
    account.minted[serial]["file"] = f"{row.pk.hex}.pdf"
    issuing.reconcile(at=NOW)
    row.refresh_from_db()
    assert (row.state, row.serial) == ("asked", None)
    with pytest.raises(IntegrityError, match="stamping_issuedserial_serial"), transaction.atomic():
        IssuedSerial.objects.create(id=uuid.uuid4(), asked_at=NOW, state="saved", serial=serial, saved_at=NOW)


@pytest.mark.django_db
def test_a_request_that_minted_nothing_is_given_up_after_a_while_and_found_all_the_same(account: IssuerServer) -> None:
    authorities.issuer_client().token(at=NOW)
    account.trouble = ["500"]
    issuing.ask(count=1, at=NOW)
    row = IssuedSerial.objects.get()
    assert issuing.reconcile(at=NOW).lost == ()
    assert issuing.reconcile(at=NOW + timedelta(hours=1)).lost == (row.pk.hex,)
    account.minted["L" * 22] = {"file": f"{row.pk.hex}.pdf", "status": "NOTSTAMP", "picture": picture()}
    assert issuing.reconcile(at=NOW + timedelta(hours=2)).found == ("L" * 22,)


@pytest.mark.django_db
def test_a_quota_that_is_used_up_ends_the_asking_and_keeps_what_came(account: IssuerServer) -> None:
    account.quota = 2
    assert len(issuing.ask(count=5, at=NOW)) == 2
    assert IssuedSerial.objects.filter(state="lost").count() == 1
    assert sum(seen.path == "/chanel/stampv2" for seen in account.seen) == 3


@pytest.mark.django_db
def test_a_login_that_fails_leaves_no_request_behind(account: IssuerServer) -> None:
    account.trouble = ["500"]
    assert issuing.ask(count=1, at=NOW) == []
    assert not IssuedSerial.objects.exists()


@pytest.mark.django_db
def test_serials_that_differ_are_named_for_a_person(account: IssuerServer) -> None:
    gone, _kept = issuing.ask(count=2, at=NOW)
    account.minted[gone]["status"] = "STAMP"
    account.minted["F" * 22] = {"file": "orang lain.pdf", "status": "NOTSTAMP", "picture": picture()}
    reconciled = issuing.reconcile(at=NOW + timedelta(hours=1))
    assert reconciled == issuing.Reconciled(strangers=("F" * 22,), used_there=(gone,))
    assert not reconciled.is_clean


@pytest.mark.django_db
def test_saved_serials_become_stock_by_the_usual_delivery(account: IssuerServer, tmp_path: Path) -> None:
    delivery, said = tmp_path / "kiriman.txt", StringIO()
    call_command("reconcile_issuer", ask=3, deliver=delivery, stdout=said)
    assert "asked: 3, saved: 3" in said.getvalue()
    assert set(delivery.read_text().split()) == set(account.minted)
    clerk = User.objects.create_user("gudang-9")
    stocking.take_in(delivery=BytesIO(delivery.read_bytes()), reference="P-1", by=clerk, at=NOW)
    assert issuing.undelivered() == []
    with pytest.raises(CommandError):  # a delivery is never written over another
        call_command("reconcile_issuer", deliver=delivery, stdout=StringIO())


@pytest.mark.django_db
def test_the_command_ends_badly_while_something_is_left_to_look_at(account: IssuerServer) -> None:
    account.minted["F" * 22] = {"file": "orang lain.pdf", "status": "NOTSTAMP", "picture": picture()}
    said = StringIO()
    with pytest.raises(CommandError) as ended:
        call_command("reconcile_issuer", stdout=said)
    assert ended.value.returncode == 1 and f"strangers: {'F' * 22}" in said.getvalue()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("issued_saved_has_serial", {"state": "saved"}),
        ("issued_saved_has_serial", {"state": "asked", "serial": "A" * 22}),
        ("issued_saved_has_serial", {"state": "saved", "serial": "terlalu pendek", "saved_at": NOW}),
        ("issued_known_state", {"state": "stolen"}),
    ],
)
def test_the_database_refuses_a_serial_that_is_not_whole(constraint: str, values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        IssuedSerial.objects.create(id=uuid.uuid4(), asked_at=NOW, **values)


@pytest.mark.django_db
def test_the_database_refuses_an_arrow_that_is_not_there(account: IssuerServer) -> None:
    issuing.ask(count=1, at=NOW)
    with pytest.raises(IntegrityError, match="stamping_issuedserial_arrows"), transaction.atomic():
        IssuedSerial.objects.update(state="lost", serial=None, saved_at=None)


# --- from the queue to the verdict ---------------------------------------------------------------------------


@pytest.fixture
def bought(account: IssuerServer, letter: bytes, settings: Any) -> Document:
    """Ani's letter, queued with a serial that the issuer minted and two people put on sale."""
    settings.TRUST_ROOTS = tools.authority("ours").root
    authorities.forget()
    issuing.ask(count=2, at=EARLIER)
    importer, activator = User.objects.create_user("gudang-8"), User.objects.create_user("gudang-9")
    lines = "\n".join(issuing.undelivered()).encode()
    batch = stocking.take_in(delivery=BytesIO(lines), reference="P-1", by=importer, at=EARLIER)
    stocking.activate(batch=batch, by=activator, at=EARLIER)
    wish = Wish(quantity=1, email="ani@contoh.example", phone="", gateway="sandbox", method="qris")
    order = ordering.place_order(wish=wish, idempotency_key=uuid.uuid4().hex, at=EARLIER)
    pay(order)
    document = preparing.take_up(name="surat.pdf", source=letter, at=EARLIER)
    placing.attach(document=document, order=order)
    placing.place(document=document, page=1, x=400, y=100, size=86, at=EARLIER)
    placing.confirm(document=document, at=EARLIER)
    return document


@pytest.mark.django_db
def test_a_queued_document_is_sealed_by_the_issuer_and_believed(bought: Document, account: IssuerServer) -> None:
    assert affixing.seal_due(at=NOW) == 1
    bought.refresh_from_db()
    report = verifying.verify_file(source=files.read(bought.output), at=NOW + timedelta(minutes=5))
    assert report.conclusion is Conclusion.VALID
    assert [one.serial for one in report.checked] == [bought.stamp_id]
    assert issuing.reconcile(at=NOW + timedelta(hours=1)).is_clean


@pytest.mark.django_db
def test_a_document_waits_while_the_issuer_is_down_and_keeps_its_serial(
    bought: Document, account: IssuerServer
) -> None:
    serial, account.failures = bought.stamp_id, ["97"]
    assert affixing.seal_due(at=NOW) == 0
    assert affixing.seal_due(at=NOW + timedelta(seconds=91)) == 1
    assert [(wish["refToken"], wish["retryFlag"]) for wish in account.wishes] == [(serial, "0"), (serial, "1")]


@pytest.mark.django_db
def test_a_document_that_the_issuer_will_never_seal_gives_its_stamp_back(
    bought: Document, account: IssuerServer
) -> None:
    account.failures = ["83"]
    assert affixing.seal_due(at=NOW) == 0
    bought.refresh_from_db()
    assert bought.state == Document.State.FAILED
    assert Stamp.objects.get(pk=bought.stamp_id).state == Stamp.State.SOLD
