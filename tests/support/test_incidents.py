"""An incident from its opening to its end: what staff do, what people read, what the database refuses."""

import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction
from django.test import Client

from meterai import states
from meterai.models import Flip, Reseller, User
from support import incidents, status
from support.incidents import Opening, Words
from support.models import Cause, Incident, IncidentUpdate, Severity

pytestmark = pytest.mark.django_db
LIST = "/admin/support/incident/"


@pytest.fixture(autouse=True)
def public(settings: Any, tmp_path: Path) -> Path:
    """Where the files go."""
    settings.PUBLIC_ROOT = tmp_path / "public"
    return settings.PUBLIC_ROOT  # type: ignore[no-any-return]


@pytest.fixture
def ratna(db: None) -> User:
    """Staff who may speak to the public."""
    user = User.objects.create_user("ratna", password="kata-sandi-ratna", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_incident", "manage_incident"]))
    return user


@pytest.fixture
def as_ratna(client: Client, ratna: User) -> Client:
    client.force_login(ratna)
    return client


def opening(at: datetime, **changes: Any) -> Opening:
    values: dict[str, Any] = {
        "title": Words("Pembubuhan tertunda", "Affixing is delayed"),
        "text": Words("Penerbit belum menjawab.", "The issuer does not answer."),
        "components": ["affixing"],
        "cause": Cause.ISSUER,
        "severity": Severity.MAJOR,
        "begun_at": at - timedelta(minutes=5),
    }
    return Opening(**(values | changes))


def begun(by: User, at: datetime, **changes: Any) -> Incident:
    return incidents.begin(opening=opening(at, **changes), by=by, at=at)


def news(state: str = "") -> dict[str, Any]:
    return {"text": Words("Sudah membaik.", "It is getting better."), "state": state}


def typed(**changes: Any) -> dict[str, Any]:
    values = {
        "title_id": "Pembubuhan tertunda",
        "title_en": "Affixing is delayed",
        "text_id": "Penerbit belum menjawab.",
        "text_en": "The issuer does not answer.",
        "components": ["affixing", "verifying"],
        "cause": "issuer",
        "severity": "major",
        "begun_at": "2026-01-02T10:00",
    }
    return values | changes


def test_an_incident_leaves_a_row_from_its_beginning_to_its_end(ratna: User, now: datetime) -> None:
    incident = begun(ratna, now)
    incidents.tell(incident=incident, by=ratna, at=now, **news("watching"))
    incidents.tell(incident=incident, by=ratna, at=now, **news("resolved"))
    moves = Flip.objects.filter(noun="support.incident", row=str(incident.pk), actor="ratna").order_by("pk")
    assert [(one.old, one.new) for one in moves] == [
        ("", "investigating"),
        ("investigating", "watching"),
        ("watching", "resolved"),
    ]
    incident.refresh_from_db()
    assert incident.ended_at == now


def test_a_cure_that_did_not_hold_opens_it_again(ratna: User, now: datetime) -> None:
    incident = begun(ratna, now)
    incidents.tell(incident=incident, by=ratna, at=now, **news("resolved"))
    incidents.tell(incident=incident, by=ratna, at=now, **news("investigating"))
    incident.refresh_from_db()
    assert (incident.state, incident.ended_at) == (Incident.State.INVESTIGATING, None)


def test_an_update_without_a_new_state_only_tells(ratna: User, now: datetime) -> None:
    incident = begun(ratna, now)
    incidents.tell(incident=incident, by=ratna, at=now, **news())
    assert incident.updates.get().state == Incident.State.INVESTIGATING
    assert Flip.objects.filter(noun="support.incident").count() == 1


def test_a_new_severity_is_kept_with_who_said_it(ratna: User, now: datetime) -> None:
    incident = begun(ratna, now)
    incidents.tell(incident=incident, by=ratna, at=now, severity="critical", **news())
    incident.refresh_from_db()
    assert incident.severity == Severity.CRITICAL
    assert Flip.objects.filter(noun="support.incident", reason="critical", actor="ratna").exists()


def test_the_same_form_sent_twice_is_told_once(ratna: User, now: datetime) -> None:
    incident, token = begun(ratna, now), uuid.uuid4()
    for _ in range(2):
        incidents.tell(incident=incident, by=ratna, at=now, token=token, **news("resolved"))
    assert incident.updates.count() == 1


def test_an_incident_cannot_begin_tomorrow(ratna: User, now: datetime) -> None:
    with pytest.raises(incidents.NotYet):
        begun(ratna, now, begun_at=now + timedelta(minutes=1))


def test_an_ended_incident_is_not_watched_without_being_opened_again(ratna: User, now: datetime) -> None:
    incident = begun(ratna, now)
    incidents.tell(incident=incident, by=ratna, at=now, **news("resolved"))
    with pytest.raises(states.NoSuchArrow):
        incidents.tell(incident=incident, by=ratna, at=now, **news("watching"))
    assert incident.updates.count() == 1


def test_what_people_read_names_no_account(ratna: User, toko: Reseller, now: datetime) -> None:
    incident = begun(ratna, now, cause=Cause.RESELLER, reseller=toko)
    incidents.tell(incident=incident, by=ratna, at=now, **news())
    told = incidents.as_told(at=now, days=90, limit=50)
    assert "ratna" not in repr(told)
    assert told[0]["reseller"] == "Toko Contoh"


def test_open_ones_are_told_first_and_old_ones_no_more(ratna: User, now: datetime) -> None:
    for days, title in ((100, "lama"), (3, "baru")):
        then = now - timedelta(days=days)
        past = begun(ratna, then, title=Words(title, title))
        incidents.tell(incident=past, by=ratna, at=then, **news("resolved"))
    begun(ratna, now, title=Words("kini", "now"))
    assert [one["title"]["id"] for one in incidents.as_told(at=now, days=90, limit=50)] == ["kini", "baru"]


def test_telling_all_costs_the_same_however_many_there_are(
    ratna: User, now: datetime, django_assert_max_num_queries: Any
) -> None:
    for _ in range(5):
        incident = begun(ratna, now)
        incidents.tell(incident=incident, by=ratna, at=now, **news())
    with django_assert_max_num_queries(4):
        incidents.as_told(at=now, days=90, limit=50)


@pytest.mark.parametrize(
    ("name", "spoilt"),
    [
        ("incident_ended_paired", {"state": "resolved"}),
        ("incident_in_order", {"state": "resolved", "ended_at": datetime.fromisoformat("2020-01-01T00:00:00+00:00")}),
        ("incident_known_state", {"state": "gone"}),
        ("incident_in_two_languages", {"title_en": ""}),
        ("incident_hits_something", {"components": []}),
        ("incident_hits_something", {"components": ["affixing", "weather"]}),
        ("incident_cause_paired", {"cause": "reseller"}),
    ],
)
def test_the_database_refuses_an_incident_that_is_not_whole(
    ratna: User, now: datetime, name: str, spoilt: dict[str, Any]
) -> None:
    said = opening(now)
    values: dict[str, Any] = {
        "code": "GG-TEST-TEST",
        "title_id": said.title.id,
        "title_en": said.title.en,
        "text_id": said.text.id,
        "text_en": said.text.en,
        "components": ["affixing"],
        "cause": "us",
        "severity": "minor",
        "begun_at": now,
        "opened_by": ratna,
    }
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Incident.objects.create(**(values | spoilt))


def test_the_database_holds_the_arrows_and_the_words(ratna: User, now: datetime) -> None:
    incident = begun(ratna, now)
    update = incidents.tell(incident=incident, by=ratna, at=now, **news("resolved"))
    with pytest.raises(IntegrityError, match="support_incident_arrows"), transaction.atomic():
        Incident.objects.filter(pk=incident.pk).update(state="watching", ended_at=None)
    for spoil in (lambda rows: rows.update(text_id="lain"), lambda rows: rows.delete()):
        with pytest.raises(IntegrityError, match="support_incidentupdate_written_once"), transaction.atomic():
            spoil(IncidentUpdate.objects.filter(pk=update.pk))
    with pytest.raises(IntegrityError, match="incident_update_in_two_languages"), transaction.atomic():
        incidents.tell(incident=incident, text=Words("Sudah.", ""), by=ratna, at=now)


# --- the staff room


def test_what_staff_open_is_on_the_public_page_at_once(as_ratna: Client, client: Client) -> None:
    assert as_ratna.post(f"{LIST}add/", typed()).status_code == 303
    incident = Incident.objects.get()
    assert (incident.components, incident.opened_by.username) == (["affixing", "verifying"], "ratna")
    assert "Pembubuhan tertunda" in client.get("/status/").content.decode()
    assert "Affixing is delayed" in client.get("/en/status/").content.decode()
    assert "Penerbit belum menjawab." in client.get(f"/status/{incident.code}/").content.decode()
    assert LogEntry.objects.get().user.get_username() == "ratna"


def test_what_staff_tell_is_read_at_once_and_the_end_takes_it_off(as_ratna: Client, ratna: User, now: datetime) -> None:
    incident = begun(ratna, now)
    door = f"{LIST}{incident.pk}/kabar/"
    said = {"token": str(uuid.uuid4()), "text_id": "Selesai.", "text_en": "Over.", "severity": "major"}
    assert as_ratna.post(door, said | {"state": "resolved"}).status_code == 303
    document = status.current()
    assert document is not None
    assert [one["updates"][0]["text"]["en"] for one in document["incidents"]] == ["Over."]
    assert document["incidents"][0]["ended_at"]
    assert as_ratna.get(f"{LIST}{incident.pk}/change/").status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"title_en": ""},
        {"components": []},
        {"components": ["weather"]},
        {"cause": "reseller"},
        {"begun_at": "2099-01-01T00:00"},
        {"severity": "apocalyptic"},
    ],
)
def test_a_form_that_is_wrong_opens_nothing(as_ratna: Client, wrong: dict[str, Any]) -> None:
    assert as_ratna.post(f"{LIST}add/", typed(**wrong)).status_code == 422
    assert not Incident.objects.exists()


def test_a_state_without_an_arrow_is_not_offered_and_not_taken(as_ratna: Client, ratna: User, now: datetime) -> None:
    incident = begun(ratna, now)
    incidents.tell(incident=incident, by=ratna, at=now, **news("resolved"))
    said = {"token": str(uuid.uuid4()), "text_id": "x", "text_en": "x", "severity": "major", "state": "watching"}
    assert as_ratna.post(f"{LIST}{incident.pk}/kabar/", said).status_code == 422


def test_who_may_not_speak_to_the_public_does_not(client: Client, rina: User, ratna: User, now: datetime) -> None:
    incident = begun(ratna, now)
    rina.user_permissions.add(Permission.objects.get(codename="view_incident"))
    client.force_login(rina)
    assert client.post(f"{LIST}add/", typed()).status_code == 403
    assert client.post(f"{LIST}{incident.pk}/kabar/", {}).status_code == 403
    page = client.get(f"{LIST}{incident.pk}/change/").content.decode()
    assert "kabar/" not in page
    assert Incident.objects.count() == 1


def test_a_folder_that_cannot_be_written_loses_no_incident(as_ratna: Client, settings: Any, tmp_path: Path) -> None:
    (tmp_path / "berkas").write_text("not a folder")
    settings.PUBLIC_ROOT = tmp_path / "berkas"
    assert as_ratna.post(f"{LIST}add/", typed()).status_code == 303
    assert Incident.objects.count() == 1
