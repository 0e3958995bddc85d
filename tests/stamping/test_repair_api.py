"""Repairs for programs: listed with the document's facts, made and chosen by calls of their own."""

import io
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from stamping.models import Document
from tests.stamping import repair_files as faulty
from tests.stamping.conftest import DATA

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_limits() -> None:
    cache.clear()


class Program:
    """A client of the API with one document."""

    def __init__(self, client: Client, data: bytes) -> None:
        file = io.BytesIO(data)
        file.name = "x.pdf"
        answer = client.post("/api/v1/documents", {"file": file})
        assert answer.status_code == 201, answer.content
        self.client, self.shown = client, answer.json()

    def send(self, path: str, body: dict[str, object]) -> Any:
        answer = self.client.post(
            f"/api/v1/documents/{self.shown['id']}/{path}",
            body,
            content_type="application/json",
            headers={"x-document-key": self.shown["key"]},
        )
        if answer.status_code < 300:
            self.shown = answer.json()
        return answer


def test_a_damaged_file_is_listed_with_its_repair_mended_and_chosen(client: Client) -> None:
    program = Program(client, (DATA / "damaged.pdf").read_bytes())
    assert program.shown["state"] == "unfit"
    (repair,) = program.shown["repairs"]
    assert (repair["kind"], repair["needed"], repair["after"]) == ("structure", True, None)
    assert program.send("repairs", {"kind": "structure"}).status_code == 201
    (made,) = program.shown["repairs"]
    assert made["before"]["sha256"] == program.shown["facts"]["sha256"] != made["after"]["sha256"]
    assert made["loss"] == {"decibels": None, "largest": 0, "page": 1} and made["loss_text"]
    chosen = {"sha256": made["after"]["sha256"], "use": True}
    assert program.send("repairs/structure/choice", chosen).status_code == 200
    assert (program.shown["state"], program.shown["repairs"]) == ("draft", [])
    assert program.shown["facts"]["sha256"] == made["after"]["sha256"]


def test_a_program_may_keep_the_original(client: Client) -> None:
    program = Program(client, faulty.of_size(612, 792))
    program.send("repairs", {"kind": "page_size"})
    (made,) = program.shown["repairs"]
    assert made["loss"] is None and not program.shown["facts"]["is_a4"]
    kept = {"sha256": made["after"]["sha256"], "use": False}
    assert program.send("repairs/page_size/choice", kept).status_code == 200
    assert (program.shown["repairs"][0]["after"], program.shown["state"]) == (None, "draft")


def test_the_facts_are_complete(client: Client) -> None:
    facts = Program(client, (DATA / "letter.pdf").read_bytes()).shown["facts"]
    assert len(facts.pop("sha256")) == 64 and facts.pop("size_bytes") > 1_000
    assert facts == {
        "version": "1.6",
        "is_a4": True,
        "encrypted": False,
        "forbidden": [],
        "scripts": False,
        "form": False,
        "attachments": 0,
        "signatures": 0,
        "text": "all",
    }


@pytest.mark.parametrize(
    ("name", "path", "body", "status", "code"),
    [
        ("letter", "repairs", {"kind": "structure"}, 409, "not_offered"),
        ("signed", "repairs", {"kind": "version"}, 409, "not_offered"),
        ("damaged", "repairs", {"kind": "colour"}, 400, None),
        ("damaged", "repairs/structure/choice", {"sha256": "0" * 64, "use": True}, 409, "not_offered"),
        ("damaged", "repairs/structure/choice", {"sha256": "x", "use": True}, 400, None),
    ],
)
def test_what_cannot_be_repaired_or_chosen_is_a_problem(
    client: Client, name: str, path: str, body: dict[str, object], status: int, code: str | None
) -> None:
    answer = Program(client, (DATA / f"{name}.pdf").read_bytes()).send(path, body)
    assert answer.status_code == status and answer["Content-Type"] == "application/problem+json"
    assert code is None or answer.json()["code"] == code


def test_a_repair_in_vain_says_why(client: Client, settings: Any) -> None:
    settings.MAX_DOCUMENT_BYTES = faulty.LIMIT
    answer = Program(client, faulty.noise()).send("repairs", {"kind": "size"})
    assert (answer.status_code, answer.json()["code"]) == (422, "cannot_shrink")
    assert Document.objects.get().state == Document.State.UNFIT


def test_a_document_that_needs_a_repair_is_not_placed(client: Client) -> None:
    program = Program(client, (DATA / "damaged.pdf").read_bytes())
    answer = client.put(
        f"/api/v1/documents/{program.shown['id']}/placement",
        {"page": 1, "x": 100, "y": 100},
        content_type="application/json",
        headers={"x-document-key": program.shown["key"]},
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "not_editable")


def test_a_wrong_key_repairs_nothing(client: Client) -> None:
    program = Program(client, (DATA / "damaged.pdf").read_bytes())
    program.shown["key"] = "x" * 22
    assert program.send("repairs", {"kind": "structure"}).status_code == 404
