"""The same steps for programs."""

import io
import uuid
from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from orders.models import Order
from stamping import sealing
from stamping.models import Document
from tests.stamping.conftest import DATA

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_limits() -> None:
    cache.clear()


def send(client: Client, name: str = "letter.pdf") -> dict[str, object]:
    file = io.BytesIO((DATA / name).read_bytes())
    file.name = name
    answer = client.post("/api/v1/documents", {"file": file})
    assert answer.status_code == 201, answer.content
    shown: dict[str, object] = answer.json()
    return shown


def place(client: Client, shown: dict[str, object], **values: object) -> object:
    return client.put(
        f"/api/v1/documents/{shown['id']}/placement",
        {"page": 1, "x": 100, "y": 100} | values,
        content_type="application/json",
        headers={"x-document-key": str(shown["key"])},
    )


def test_a_document_goes_from_upload_to_a_valid_check(client: Client, order: Callable[..., Order]) -> None:
    shown, bought = send(client), order()
    headers = {"x-document-key": str(shown["key"])}
    address = f"/api/v1/documents/{shown['id']}"
    assert place(client, shown).status_code == 200  # type: ignore[attr-defined]
    agreed = {"order": bought.code, "order_key": bought.key, "final": True}
    for _ in range(2):  # the repeat is a safe one
        answer = client.post(f"{address}/agreement", agreed, content_type="application/json", headers=headers)
        assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    assert client.get(f"{address}/file", headers=headers).status_code == 409
    assert sealing.seal_due(at=timezone.now()) == 1
    file = io.BytesIO(client.get(f"{address}/file", headers=headers).content)
    file.name = "x.pdf"
    report = client.post("/api/v1/verifications", {"file": file}).json()
    assert report["conclusion"] == "valid"
    serial = report["seals"][0]["serial"]
    assert client.get(f"/api/v1/serials/{serial}").json()["serial_state"] == "AFFIXED"


def test_a_refused_file_is_a_problem_with_its_code(client: Client) -> None:
    file = io.BytesIO((DATA / "certified-1.pdf").read_bytes())
    file.name = "x.pdf"
    answer = client.post("/api/v1/documents", {"file": file})
    assert (answer.status_code, answer.json()["code"]) == (422, "certified_no_changes")
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("wrong", [{"page": 0}, {"x": "links"}, {"size": 5}, {"page": 2**40}])
def test_a_wrong_placement_is_refused(client: Client, wrong: dict[str, object]) -> None:
    assert place(client, send(client), **wrong).status_code in (400, 422)  # type: ignore[attr-defined]


def test_a_wrong_key_and_an_unknown_document_are_told_alike(client: Client) -> None:
    shown = send(client)
    wrong = client.get(f"/api/v1/documents/{shown['id']}", headers={"x-document-key": "x" * 22})
    unknown = client.get(f"/api/v1/documents/{uuid.uuid4()}", headers={"x-document-key": "x" * 22})
    assert wrong.status_code == unknown.status_code == 404
    assert wrong.json() == unknown.json()


def test_agreeing_needs_the_word_and_a_place(client: Client, order: Callable[..., Order]) -> None:
    shown, bought = send(client), order()
    address, headers = f"/api/v1/documents/{shown['id']}/agreement", {"x-document-key": str(shown["key"])}
    agreed = {"order": bought.code, "order_key": bought.key, "final": False}
    assert client.post(address, agreed, content_type="application/json", headers=headers).status_code == 400
    agreed["final"] = True
    answer = client.post(address, agreed, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_editable")
    assert Document.objects.get().confirmed_at is None


def test_what_is_no_serial_is_not_found(client: Client) -> None:
    assert client.get("/api/v1/serials/abc").json()["code"] == "not_a_serial"
