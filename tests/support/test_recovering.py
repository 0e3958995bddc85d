"""The way back after an outage: three stages, each step by a person, none skipped by accident."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction
from django.test import Client

from meterai import states
from meterai.models import Flip, Reseller, User
from orders import arranging
from orders.models import Discrepancy, Order, Room
from stamping.models import Document
from support import recovering, status
from support.models import Recovery, RecoveryStep
from tests.orders import rooms
from tests.support.test_outcomes import queued

pytestmark = pytest.mark.django_db
LIST = "/admin/support/recovery/"
WHY = "listrik padam di pusat data"


@pytest.fixture(autouse=True)
def public(settings: Any, tmp_path: Path) -> None:
    """Where the files go."""
    settings.PUBLIC_ROOT = tmp_path / "public"
    rooms.forget()


@pytest.fixture
def maya(db: None) -> User:
    """Leads the recovery."""
    user = User.objects.create_user("maya", password="kata-sandi-maya", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_recovery", "lead_recovery"]))
    return user


@pytest.fixture
def as_maya(client: Client, maya: User) -> Client:
    client.force_login(maya)
    return client


def open_difference(at: datetime) -> Discrepancy:
    return Discrepancy.objects.create(kind=Discrepancy.Kind.UNKNOWN, subject="x", opened_at=at)


def at_stage(stage: str, by: User, at: datetime) -> Recovery:
    """A recovery that came so far with nothing left waiting."""
    recovery = recovering.begin(reason=WHY, by=by, at=at)
    while recovery.state != stage:
        recovering.advance(recovery=recovery, reason=WHY, by=by, at=at)
    return recovery


def test_a_recovery_goes_through_its_stages_and_each_step_is_kept(maya: User, now: datetime) -> None:
    recovery = at_stage("done", maya, now)
    assert (recovery.share, recovery.ended_at) == (100, now)
    kept = recovery.steps.values_list("kind", "state", "share", "reason", "by__username")
    assert list(kept) == [
        ("begin", "affixing", 0, WHY, "maya"),
        ("advance", "crediting", 0, WHY, "maya"),
        ("advance", "reopening", 0, WHY, "maya"),
        ("end", "done", 100, WHY, "maya"),
    ]
    moves = Flip.objects.filter(noun="support.recovery", actor="maya", reason=WHY).order_by("pk")
    assert [one.new for one in moves] == ["affixing", "crediting", "reopening", "done"]


def test_affixing_is_not_left_while_documents_wait(sold: Callable[..., Order], maya: User, now: datetime) -> None:
    queued(sold(), at=now)
    recovery = recovering.begin(reason=WHY, by=maya, at=now)
    with pytest.raises(recovering.NotFinished) as still:
        recovering.advance(recovery=recovery, reason=WHY, by=maya, at=now)
    assert still.value.seen.to_affix == 1
    recovery.refresh_from_db()
    assert recovery.state == Recovery.State.AFFIXING


def test_a_paid_document_that_is_not_bound_yet_waits_too(sold: Callable[..., Order], now: datetime) -> None:
    document = queued(sold(), at=now)
    Document.objects.filter(pk=document.pk).delete()
    document.state, document.stamp_id, document.queued_at = Document.State.PLACED, None, None
    document.save(force_insert=True)
    assert recovering.look(at=now).to_affix == 1


def test_crediting_is_not_left_while_money_is_unclear(maya: User, now: datetime) -> None:
    recovery = at_stage("crediting", maya, now)
    open_difference(now)
    with pytest.raises(recovering.NotFinished):
        recovering.advance(recovery=recovery, reason=WHY, by=maya, at=now)


def test_an_override_leaves_a_stage_and_says_what_still_waited(maya: User, now: datetime) -> None:
    recovery = at_stage("crediting", maya, now)
    open_difference(now)
    recovering.advance(recovery=recovery, reason="bank baru buka besok", by=maya, at=now, override=True)
    step = recovery.steps.last()
    assert step is not None
    assert (recovery.state, step.kind, step.figures["discrepancies"]) == ("reopening", "override", 1)


def test_an_override_of_nothing_is_an_ordinary_step(maya: User, now: datetime) -> None:
    recovery = recovering.begin(reason=WHY, by=maya, at=now)
    recovering.advance(recovery=recovery, reason=WHY, by=maya, at=now, override=True)
    assert recovery.steps.filter(kind=RecoveryStep.Kind.ADVANCE).exists()


def test_sales_open_by_steps_in_the_third_stage_only(maya: User, now: datetime) -> None:
    recovery = at_stage("crediting", maya, now)
    with pytest.raises(recovering.NotSelling):
        recovering.open_sales(recovery=recovery, share=10, reason=WHY, by=maya, at=now)
    recovering.advance(recovery=recovery, reason=WHY, by=maya, at=now)
    for share in (10, 40, 20):
        recovering.open_sales(recovery=recovery, share=share, reason=WHY, by=maya, at=now)
    assert recovery.share == 20
    assert list(recovery.steps.filter(kind="share").values_list("share", flat=True)) == [10, 40, 20]
    for share in (-1, 101):
        with pytest.raises(recovering.NotSelling):
            recovering.open_sales(recovery=recovery, share=share, reason=WHY, by=maya, at=now)


def test_when_it_breaks_again_nobody_is_let_in(maya: User, now: datetime) -> None:
    recovery = at_stage("reopening", maya, now)
    recovering.open_sales(recovery=recovery, share=60, reason=WHY, by=maya, at=now)
    recovering.go_back(recovery=recovery, reason="penerbit diam lagi", by=maya, at=now)
    assert (recovery.state, recovery.share) == (Recovery.State.AFFIXING, 0)


def test_two_people_cannot_begin_two_recoveries(maya: User, now: datetime) -> None:
    recovering.begin(reason=WHY, by=maya, at=now)
    with pytest.raises(recovering.Underway):
        recovering.begin(reason=WHY, by=maya, at=now)
    with pytest.raises(IntegrityError, match="recovery_one_at_a_time"), transaction.atomic():
        Recovery.objects.create(begun_at=now)


def test_of_two_clicks_one_moves_it_on(maya: User, now: datetime) -> None:
    recovery = recovering.begin(reason=WHY, by=maya, at=now)
    same = Recovery.objects.get(pk=recovery.pk)
    recovering.advance(recovery=recovery, reason=WHY, by=maya, at=now)
    with pytest.raises(states.MovedMeanwhile):
        recovering.advance(recovery=same, reason=WHY, by=maya, at=now)


def test_a_recovery_that_ended_does_not_move(maya: User, now: datetime) -> None:
    recovery = at_stage("done", maya, now)
    with pytest.raises(states.NoSuchArrow):
        recovering.advance(recovery=recovery, reason=WHY, by=maya, at=now)


def test_the_database_refuses_to_sell_early_to_skip_and_to_forget(maya: User, now: datetime) -> None:
    recovery = recovering.begin(reason=WHY, by=maya, at=now)
    rows = Recovery.objects.filter(pk=recovery.pk)
    for name, spoilt in (
        ("recovery_sells_last", {"share": 10}),
        ("support_recovery_arrows", {"state": "reopening"}),
        ("recovery_ended_paired", {"ended_at": now}),
    ):
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            rows.update(**spoilt)
    with pytest.raises(IntegrityError, match="recovery_step_has_reason"), transaction.atomic():
        recovering.advance(recovery=recovery, reason="", by=maya, at=now)
    for spoil in (lambda steps: steps.update(reason="lain"), lambda steps: steps.delete()):
        with pytest.raises(IntegrityError, match="support_recoverystep_written_once"), transaction.atomic():
            spoil(RecoveryStep.objects.all())


# --- the door of the official shop


def shares(room: Room) -> list[str]:
    """What was set on the room by whom, as its rows say."""
    return list(Flip.objects.filter(noun="orders.room", actor="maya").order_by("pk").values_list("new", flat=True))


def test_the_waiting_room_lets_in_the_share_of_each_step(maya: User, now: datetime) -> None:
    room = rooms.room(at=now)
    recovery = recovering.begin(reason=WHY, by=maya, at=now)
    room.refresh_from_db()
    assert (room.state, room.share) == (Room.State.QUEUEING, 0)
    for _ in range(2):
        recovering.advance(recovery=recovery, reason=WHY, by=maya, at=now)
    recovering.open_sales(recovery=recovery, share=25, reason=WHY, by=maya, at=now)
    recovering.go_back(recovery=recovery, reason=WHY, by=maya, at=now)
    for _ in range(3):
        recovering.advance(recovery=recovery, reason=WHY, by=maya, at=now)
    assert shares(room) == ["share=0", "queueing", "share=25", "share=0", "share=100"]


def test_a_room_that_staff_closed_opens_to_a_queue_with_the_first_share(maya: User, now: datetime) -> None:
    room = rooms.room(at=now)
    arranging.close(room=room, by="penyelia", reason="a test", at=now)
    recovery = at_stage("reopening", maya, now)
    room.refresh_from_db()
    assert room.state == Room.State.CLOSED
    recovering.open_sales(recovery=recovery, share=10, reason=WHY, by=maya, at=now)
    room.refresh_from_db()
    assert (room.state, room.share) == (Room.State.QUEUEING, 10)


def test_a_resellers_own_room_is_left_alone(maya: User, toko: Reseller, now: datetime) -> None:
    own = rooms.room(slug="toko-contoh", reseller=toko, at=now)
    recovering.begin(reason=WHY, by=maya, at=now)
    own.refresh_from_db()
    assert (own.state, own.share) == (Room.State.OPEN, 100)


def test_staff_are_told_when_no_room_guards_the_door(as_maya: Client, maya: User, now: datetime) -> None:
    recovery = recovering.begin(reason=WHY, by=maya, at=now)
    words = "belum punya ruang tunggu"
    assert words in as_maya.get(f"{LIST}{recovery.pk}/change/").content.decode()
    rooms.room(at=now)
    assert words not in as_maya.get(f"{LIST}{recovery.pk}/change/").content.decode()


# --- the staff room


def press(client: Client, recovery: Recovery, step: str, **sent: Any) -> Any:
    return client.post(f"{LIST}{recovery.pk}/langkah/{step}/", {"reason": WHY} | sent, follow=True)


def test_staff_take_a_recovery_from_its_beginning_to_its_end(as_maya: Client) -> None:
    assert as_maya.post(f"{LIST}add/", {"reason": WHY}).status_code == 303
    recovery = Recovery.objects.get()
    for step in ("lanjut", "lanjut"):
        assert press(as_maya, recovery, step).status_code == 200
    share = as_maya.post(f"{LIST}{recovery.pk}/penjualan/", {"share": 30, "reason": WHY}, follow=True)
    assert "30 %" in share.content.decode()
    document = status.current()
    assert document is not None
    assert document["recovery"] == {"stage": "reopening", "share": 30}
    press(as_maya, recovery, "lanjut")
    recovery.refresh_from_db()
    assert recovery.state == Recovery.State.DONE


def test_the_page_shows_what_waits_and_says_why_a_stage_is_not_left(
    as_maya: Client, maya: User, sold: Callable[..., Order], now: datetime
) -> None:
    queued(sold(), at=now)
    recovery = recovering.begin(reason=WHY, by=maya, at=now)
    page = press(as_maya, recovery, "lanjut").content.decode()
    assert "1 masih menunggu" in page
    assert '<span class="number">1</span> dokumen menunggu dibubuhkan' in page
    press(as_maya, recovery, "paksa")
    recovery.refresh_from_db()
    assert recovery.state == Recovery.State.CREDITING


def test_a_step_without_a_reason_is_not_taken(as_maya: Client, maya: User, now: datetime) -> None:
    recovery = recovering.begin(reason=WHY, by=maya, at=now)
    assert press(as_maya, recovery, "lanjut", reason="").status_code == 422
    recovery.refresh_from_db()
    assert recovery.state == Recovery.State.AFFIXING


def test_beginning_twice_leads_to_the_one_that_runs(as_maya: Client) -> None:
    for _ in range(2):
        assert as_maya.post(f"{LIST}add/", {"reason": WHY}).status_code == 303
    assert Recovery.objects.count() == 1


@pytest.mark.parametrize("wrong", [{"share": 101}, {"share": -1}, {"share": "x"}, {"reason": ""}])
def test_a_share_that_cannot_be_is_refused(as_maya: Client, maya: User, now: datetime, wrong: dict[str, Any]) -> None:
    recovery = at_stage("reopening", maya, now)
    sent = {"share": 10, "reason": WHY} | wrong
    assert as_maya.post(f"{LIST}{recovery.pk}/penjualan/", sent).status_code == 422
    recovery.refresh_from_db()
    assert recovery.share == 0


def test_who_only_looks_takes_no_step(client: Client, rina: User, maya: User, now: datetime) -> None:
    recovery = recovering.begin(reason=WHY, by=maya, at=now)
    rina.user_permissions.add(Permission.objects.get(codename="view_recovery"))
    client.force_login(rina)
    assert client.get(f"{LIST}{recovery.pk}/change/").status_code == 200
    assert client.post(f"{LIST}add/", {"reason": WHY}).status_code == 403
    assert client.post(f"{LIST}{recovery.pk}/penjualan/", {"share": 1, "reason": WHY}).status_code == 403
    for step in ("lanjut", "paksa", "kembali", "kerjakan", "jual"):
        assert press(client, recovery, step).status_code == 403
    assert recovery.steps.count() == 1


def test_the_work_of_the_first_stages_can_be_rung_for(as_maya: Client, maya: User, now: datetime) -> None:
    recovery = recovering.begin(reason=WHY, by=maya, at=now)
    assert "sekarang juga" in press(as_maya, recovery, "kerjakan").content.decode()


def test_a_step_with_the_same_reason_is_a_row_of_its_own(maya: User, now: datetime) -> None:
    recovery = at_stage("reopening", maya, now)
    for _ in range(2):
        recovering.open_sales(recovery=recovery, share=10, reason=WHY, by=maya, at=now)
    assert recovery.steps.filter(kind="share").count() == 2
