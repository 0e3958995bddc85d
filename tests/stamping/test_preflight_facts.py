"""Everything that preflight knows of a file, as frozen facts, and in time."""

import statistics
import time
from dataclasses import FrozenInstanceError
from io import BytesIO
from typing import Any

import pikepdf
import pytest

from stamping.pdf import child, preflight
from stamping.pdf.preflight import Severity
from tests.corpus import make
from tests.stamping import pdf_tools as tools
from tests.stamping import repair_files as faulty


def codes(facts: preflight.Preflight) -> dict[str, Severity]:
    return {finding.code: finding.severity for finding in facts.findings}


def changed(change: Any, **save: Any) -> bytes:
    with pikepdf.open(BytesIO(tools.source("letter"))) as pdf:
        change(pdf)
        out = BytesIO()
        pdf.save(out, **save)
        return out.getvalue()


def test_facts_are_frozen() -> None:
    facts = preflight.examine(tools.source("letter"))
    with pytest.raises(FrozenInstanceError):
        facts.version = "9"  # type: ignore[misc]


def test_a_plain_letter_is_known_in_full() -> None:
    facts = preflight.examine(tools.source("letter"))
    assert (facts.is_a4, facts.version, facts.text, facts.attachments, facts.forbidden) == (True, "1.6", "all", 0, ())
    assert not (facts.encrypted or facts.scripts or facts.xfa or facts.form or facts.fields_locked or facts.signatures)
    assert facts.certified_level is None and facts.findings == ()


def test_a_scan_has_no_text_and_is_told_so() -> None:
    facts = preflight.examine(tools.source("scan"))
    assert facts.text == "none" and codes(facts)["no_text"] is Severity.INFO


def test_a_letter_with_a_scan_behind_it_has_text_on_some_pages() -> None:
    with pikepdf.open(BytesIO(tools.source("scan"))) as scan:
        assert preflight.examine(changed(lambda pdf: pdf.pages.extend(scan.pages))).text == "some"


def test_attachments_are_counted_and_warned_about() -> None:
    def attach(pdf: pikepdf.Pdf) -> None:
        for name in ("ktp.txt", "npwp.txt"):
            pdf.attachments[name] = pikepdf.AttachedFileSpec(pdf, b"rahasia", filename=name)

    facts = preflight.examine(changed(attach))
    assert facts.attachments == 2 and codes(facts)["attachments"] is Severity.WARN


def test_what_the_owner_forbids_is_known() -> None:
    allowed = pikepdf.Permissions(print_lowres=False, print_highres=False, extract=False, modify_other=False)
    lock = pikepdf.Encryption(owner="rahasia", user="", allow=allowed)
    facts = preflight.examine(changed(lambda pdf: None, encryption=lock))
    assert facts.encrypted and facts.forbidden == ("print", "copy", "change")
    assert codes(facts)["restricted"] is Severity.INFO


def test_scripts_in_any_action_are_found() -> None:
    def script(pdf: pikepdf.Pdf) -> None:
        pdf.Root.AA = pikepdf.Dictionary(WC=pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)"))

    assert preflight.examine(changed(script)).scripts
    assert preflight.examine(tools.source("scripted")).scripts


@pytest.mark.parametrize(("name", "level"), [("certified-1", 1), ("certified-2", 2)])
def test_a_certification_is_known_with_its_level(name: str, level: int) -> None:
    assert preflight.examine(tools.source(name)).certified_level == level


def test_a_lock_of_an_earlier_signature_is_known() -> None:
    locked = [name for name, case in make.CASES.items() if "lock" in name and "fields_locked" in codes(_of(case))]
    assert locked and all(_of(make.CASES[name]).fields_locked for name in locked)


def _of(case: Any) -> preflight.Preflight:
    return preflight.examine(case.make())


@pytest.mark.parametrize(
    ("version", "wanted", "code"),
    [("1.4", ("1.6", "2.0"), "old_version"), ("2.0", ("1.6", "1.7"), "new_version"), ("1.7", ("1.6", "2.0"), None)],
)
def test_a_version_is_judged_by_the_issuers_range(version: str, wanted: tuple[str, str], code: str | None) -> None:
    facts = preflight.examine(faulty.of_version(version), versions=wanted)
    assert facts.version == version
    assert {"old_version", "new_version"} & set(codes(facts)) == ({code} if code else set())


def test_a_file_over_the_limit_is_looked_at_only_where_it_could_be_made_smaller() -> None:
    data = faulty.heavy()
    assert codes(preflight.examine(data, faulty.LIMIT)) == {"too_large": Severity.REFUSE}
    assert codes(preflight.examine(data, faulty.LIMIT, upload_bytes=len(data)))["over_limit"] is Severity.REPAIR
    assert codes(preflight.examine(data, faulty.LIMIT, upload_bytes=len(data) - 1)) == {"too_large": Severity.REFUSE}
    assert child.examine(data, faulty.LIMIT, upload_bytes=len(data)).pages


def test_facts_of_an_older_row_and_those_that_others_keep_beside_them_are_read() -> None:
    facts = preflight.examine(tools.source("letter"))
    young = ("fields_locked", "attachments", "forbidden", "text")
    old = {name: value for name, value in facts.as_json().items() if name not in young}
    assert preflight.Preflight.from_json(old | {"look": {"of": "abc"}}).pages == facts.pages
    assert preflight.Preflight.from_json(facts.as_json()) == facts


@pytest.mark.parametrize("name", ["letter", "scan", "encrypted", "damaged"])
def test_an_ordinary_file_is_answered_in_well_under_a_second(name: str) -> None:
    data, took = tools.source(name), []
    for _again in range(5):
        started = time.perf_counter()
        preflight.examine(data)
        took.append(time.perf_counter() - started)
    assert statistics.median(took) < 0.2
