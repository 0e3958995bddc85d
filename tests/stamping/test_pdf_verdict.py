"""What may be concluded from which facts."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stamping.verdict import Changes, Conclusion, Verdict, worst

GOOD = Verdict(
    seal_found=True,
    seal_intact=True,
    certificate_trusted=True,
    serial_known=True,
    serial_state="AFFIXED",
    hash_matches=True,
    changes_after=Changes.NOTHING,
)
maybe = st.sampled_from([None, True, False])
verdicts = st.builds(
    Verdict,
    seal_found=maybe,
    seal_intact=maybe,
    certificate_trusted=maybe,
    serial_known=maybe,
    serial_state=st.sampled_from([None, "RESERVED", "SOLD", "AFFIXED", "REFUNDED", "VOID"]),
    hash_matches=maybe,
    changes_after=st.sampled_from(Changes),
)


def test_everything_right_is_valid_and_needs_no_reason() -> None:
    assert (GOOD.conclusion, GOOD.reasons) == (Conclusion.VALID, ())


def test_a_later_signature_leaves_a_stamp_valid() -> None:
    assert replace(GOOD, changes_after=Changes.PERMITTED).conclusion is Conclusion.VALID


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"seal_intact": False}, "seal_broken"),
        ({"certificate_trusted": False}, "certificate_untrusted"),
        ({"changes_after": Changes.FORBIDDEN}, "changed_after_seal"),
        ({"hash_matches": False}, "serial_of_another_document"),
        (
            {"certificate_trusted": False, "serial_known": False, "serial_state": None},
            "certificate_untrusted",
        ),
        ({"certificate_trusted": False, "serial_state": "VOID"}, "certificate_untrusted"),
    ],
)
def test_forgery_is_invalid(facts: dict[str, object], reason: str) -> None:
    verdict = replace(GOOD, **facts)  # type: ignore[arg-type]
    assert (verdict.conclusion, verdict.reasons[0]) == (Conclusion.INVALID, reason)


@pytest.mark.parametrize("state", ["VOID", "REFUNDED"])
@pytest.mark.parametrize("verdict", [GOOD, Verdict(serial_known=True)])
def test_a_cancelled_serial_is_cancelled_with_and_without_a_document(state: str, verdict: Verdict) -> None:
    cancelled = replace(verdict, serial_state=state)
    assert (cancelled.conclusion, cancelled.reasons[0]) == (Conclusion.CANCELLED, f"serial_{state.lower()}")


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"seal_found": False, "seal_intact": None, "serial_known": None, "serial_state": None}, "no_seal"),
        ({"seal_found": None, "seal_intact": None}, "no_document"),
        ({"certificate_trusted": None}, "trust_unknown"),
        ({"serial_known": False, "serial_state": None, "hash_matches": None}, "serial_unknown"),
        ({"serial_known": None, "serial_state": None, "hash_matches": None}, "serial_not_looked_up"),
        ({"serial_state": "SOLD"}, "not_affixed"),
        ({"hash_matches": None}, "hash_unknown"),
        ({"changes_after": Changes.UNKNOWN}, "changes_unknown"),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_concluded(facts: dict[str, object], reason: str) -> None:
    verdict = replace(GOOD, **facts)  # type: ignore[arg-type]
    assert verdict.conclusion is Conclusion.CANNOT_TELL
    assert reason in verdict.reasons


@given(verdict=verdicts)
def test_only_the_one_good_case_is_ever_valid(verdict: Verdict) -> None:
    good = {GOOD, replace(GOOD, changes_after=Changes.PERMITTED)}
    assert (verdict.conclusion is Conclusion.VALID) == (verdict in good)


@given(verdict=verdicts)
def test_every_conclusion_but_valid_has_a_reason(verdict: Verdict) -> None:
    assert bool(verdict.reasons) == (verdict.conclusion is not Conclusion.VALID)


def test_a_file_is_as_good_as_its_worst_seal() -> None:
    assert worst([GOOD, replace(GOOD, seal_intact=False)]) is Conclusion.INVALID
    assert worst([GOOD, GOOD]) is Conclusion.VALID
    assert worst([]) is Conclusion.CANNOT_TELL
