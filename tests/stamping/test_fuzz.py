"""Preflight, sealing and verification answer whatever file they are given. The long run is `script/fuzz`."""

import pytest

from tests.stamping import fuzzing


@pytest.mark.parametrize("number", [1, 2, 3])
def test_wounded_files_are_answered_and_none_is_taken_for_sealed(number: int) -> None:
    for one in fuzzing.rounds(examples=20, number=number):
        one()


def test_a_hang_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzzing, "MOST_SECONDS", 1)
    with pytest.raises(fuzzing.Hang), fuzzing.no_hang():
        while True:
            pass
