"""No sealed file is stored before it was looked at again, and what fails is never shown."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage

from meterai.models import Stamp
from stamping import authorities, sealing, second_look
from stamping.authority import development
from stamping.authority.engine import Job
from stamping.authority.local import LocalEngine
from stamping.authority.sealer import OurSealer
from stamping.models import Document
from stamping.pdf import geometry, glancing, proofreading
from stamping.pdf.sealing import Sealed, field_name
from stamping.pdf.trouble import Hostile
from stamping.pdf.warm import Warm
from tests.corpus import signature_cases as signatures
from tests.stamping import pdf_tools as tools
from tests.stamping.conftest import NOW

FIELD = field_name(tools.SERIAL)
PLAIN = ("letter", "scan", "rotated-90", "rotated-180", "rotated-270", "shifted", "scripted")


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


# --- the glance ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*PLAIN, "signed"])
def test_a_glance_finds_a_whole_seal_whole(name: str) -> None:
    source = tools.source(name)
    assert glancing.glance(source=source, sealed=tools.seal(source), field=FIELD)


def test_a_glance_finds_any_flipped_byte() -> None:
    source = tools.source("letter")
    sealed = tools.seal(source)
    hole = sealed.index(b"<30", len(source))
    end = sealed.index(b">", hole)
    outside = [*range(0, len(source), 499), *range(len(source), hole + 1, 17), *range(end, len(sealed) - 1, 17)]
    assert [place for place in outside if glanced(source, flipped(sealed, place))] == []
    digits = len(sealed[hole + 1 : end].rstrip(b"0"))
    inside = [place for place in range(hole + 1, hole + digits, 2) if glanced(source, flipped(sealed, place))]
    assert len(inside) <= 8  # version numbers and the like, which no signature covers


def glanced(source: bytes, sealed: bytes) -> bool:
    return glancing.glance(source=source, sealed=sealed, field=FIELD)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda source, sealed: sealed + b"\n",
        lambda source, sealed: sealed[:-8],
        lambda source, sealed: sealed[len(source) :],
        lambda source, sealed: b"%PDF-1.7\n" + sealed,
        lambda source, sealed: tools.seal(source, serial=tools.OTHER_SERIAL),
        lambda source, sealed: tools.seal(sealed, serial=tools.OTHER_SERIAL),
        lambda source, sealed: source,
        lambda source, sealed: b"",
    ],
)
def test_a_glance_finds_what_is_not_one_whole_revision(spoil: Callable[[bytes, bytes], bytes]) -> None:
    source = tools.source("letter")
    assert not glancing.glance(source=source, sealed=spoil(source, tools.seal(source)), field=FIELD)


def test_a_glance_finds_a_signature_by_another_key_than_the_one_it_names() -> None:
    source = tools.source("letter")
    sealed, other = tools.seal(source), tools.seal(source, engine=tools.engine("others"))
    ours, theirs = (one.index(b"<30", len(source)) for one in (sealed, other))
    end = sealed.index(b">", ours)
    strange = sealed[:ours] + other[theirs : theirs + end - ours] + sealed[end:]
    assert len(strange) == len(sealed) and not glancing.glance(source=source, sealed=strange, field=FIELD)


# --- the full look -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    child = Warm(cpu_seconds=10, wall_seconds=20)
    yield child
    child.close()


def look(warm: Warm, source: bytes, sealed: bytes, **changes: Any) -> proofreading.Look:
    known = {"serial": tools.SERIAL, "place": tools.PLACE, "seen": proofreading.SEEN}
    return warm.look(source=source, sealed=sealed, **(known | changes))


@pytest.mark.parametrize("name", tools.SEALABLE)
def test_a_full_look_passes_what_the_kernel_seals(name: str, warm: Warm) -> None:
    source = tools.source(name)
    assert look(warm, source, tools.seal(source)) == proofreading.Look(True, True, True)


def test_a_full_look_finds_a_seal_that_is_broken_or_another(warm: Warm) -> None:
    source = tools.source("letter")
    sealed = tools.seal(source)
    assert not look(warm, source, flipped(sealed, 200)).seal_holds
    assert not look(warm, source, sealed, serial=tools.OTHER_SERIAL).seal_holds
    assert not look(warm, source, source).seal_holds
    assert look(warm, source, b"%PDF-1.7 nothing") == proofreading.Look(False, True, False)


def test_a_full_look_finds_an_earlier_signature_that_was_lost(warm: Warm) -> None:
    source = tools.source("signed")
    naked = look(warm, source, tools.seal(tools.source("letter")))
    assert naked.seal_holds and not naked.earlier_hold


def test_a_full_look_finds_a_stamp_that_nobody_sees(warm: Warm) -> None:
    source = tools.source("letter")
    elsewhere = look(warm, source, tools.seal(source), place=geometry.Placement(page=1, x=20.0, y=20.0))
    assert elsewhere.seal_holds and not elsewhere.visible


def test_a_reader_that_does_not_come_back_is_ended_and_the_next_file_is_looked_at() -> None:
    hasty = Warm(cpu_seconds=10, wall_seconds=0.01)
    source = tools.source("letter")
    with pytest.raises(Hostile):
        look(hasty, source, tools.seal(source))
    hasty._wall_seconds = 20
    assert look(hasty, source, tools.seal(source)).is_good
    hasty.close()


# --- in the worker -------------------------------------------------------------------------------------------


class Careless(OurSealer):
    """Seals, and then spoils what it made."""

    def seal(self, job: Job) -> Sealed:
        sealed = super().seal(job)
        return replace(sealed, data=flipped(sealed.data, 300))


@pytest.fixture
def careless(authority: development.Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = LocalEngine.from_pkcs12(path=authority.signer, passphrase=authority.passphrase.read_text())
    monkeypatch.setattr(authorities, "sealer", lambda: Careless(engine=engine))


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The serials of files that were looked at in full."""
    seen: list[str] = []
    whole = Warm.look

    def noted(self: Warm, **asked: Any) -> proofreading.Look:
        seen.append(asked["serial"])
        return whole(self, **asked)

    monkeypatch.setattr(Warm, "look", noted)
    return seen


def test_what_fails_the_look_is_never_stored_and_its_stamp_goes_back(
    queued: Callable[..., Document], careless: None
) -> None:
    document = queued()
    assert sealing.seal_due(at=NOW) == 0
    document.refresh_from_db()
    assert (document.state, document.failure, document.output) == (Document.State.FAILED, "would_not_hold", "")
    assert Stamp.objects.get(pk=document.stamp_id).state == Stamp.State.SOLD
    assert not default_storage.exists(f"sealed/{document.pk.hex[:3]}/{document.pk}")


def test_an_ordinary_file_is_glanced_at_and_some_of_them_are_looked_at_in_full(
    queued: Callable[..., Document], looks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_look, "ONE_IN", 10**9)
    assert sealing.seal(document=queued(), at=NOW) and looks == []
    monkeypatch.setattr(second_look, "ONE_IN", 1)
    sampled = queued()
    assert sealing.seal(document=sampled, at=NOW) and looks == [sampled.stamp_id]


def test_the_sample_is_about_one_in_so_many() -> None:
    drawn = sum(second_look._is_in_sample(os.urandom(64)) for _ in range(5000))
    assert 100 < drawn < 320


@pytest.mark.parametrize("name", ["signed", "encrypted", "rotated-90"])
def test_an_unusual_file_is_always_looked_at_in_full(
    name: str, queued: Callable[..., Document], looks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_look, "ONE_IN", 10**9)
    document = queued(source=(Path(__file__).parents[1] / "data" / f"{name}.pdf").read_bytes())
    assert sealing.seal(document=document, at=NOW)
    assert looks == [document.stamp_id]


def test_a_document_over_which_two_workers_died_is_looked_at_in_full(
    queued: Callable[..., Document], looks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_look, "ONE_IN", 10**9)
    document = queued()
    document.attempts = 3
    assert sealing.seal(document=document, at=NOW) and looks == [document.stamp_id]


def test_a_look_that_does_not_end_is_tried_again_and_then_given_up(
    queued: Callable[..., Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    def hostile(self: Warm, **asked: Any) -> proofreading.Look:
        raise Hostile

    monkeypatch.setattr(Warm, "look", hostile)
    document = queued(source=tools.source("signed"))
    for attempt in range(1, sealing.MOST_ATTEMPTS + 1):
        document.refresh_from_db()
        assert document.state == Document.State.QUEUED
        document.attempts = attempt
        assert not sealing.seal(document=document, at=NOW)
    document.refresh_from_db()
    assert (document.state, document.failure) == (Document.State.FAILED, "would_not_hold")


def test_signatures_of_others_survive_the_look_in_the_worker(queued: Callable[..., Document]) -> None:
    queued(source=signatures.signed(signatures.signed(), name="Kedua"))
    assert sealing.seal_due(at=NOW) == 1
