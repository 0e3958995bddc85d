"""Files as nobody would make them. For each must hold: no uncaught error, no hang, and nothing forged is valid.

The short run is `test_fuzz.py`; the long one is `script/fuzz [MINUTES]`.
"""

import contextlib
import logging
import re
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from stamping.authority.engine import SealingError
from stamping.pdf import preflight, repairing, seal_reading
from stamping.pdf.trouble import Refused, Unreadable
from stamping.verdict import Changes
from tests.stamping import pdf_tools

NAMES = sorted(path.stem for path in pdf_tools.DATA.glob("*.pdf"))
MOST_SECONDS = 20
"""Longer than a child may run: whatever takes this long on so small a file hangs."""
OBJECT = re.compile(rb"\d+ 0 obj\b.*?endobj", re.DOTALL)
WORDS = (
    b"obj endobj stream endstream xref trailer startxref %%EOF << >> [ ] null true R /Type /Page /Kids /Parent "
    b"/Length /Filter /FlateDecode /DecodeParms /Prev /Root /Size /ByteRange /Contents /AcroForm /Fields "
    b"-1 0 4294967296 99999999999999999999 1e999 /V /Rect /Annots /Perms /DocMDP /XRefStm /Encrypt"
).split()


class Hang(BaseException):
    """It took too long; no handler of the code under test catches this."""


@cache
def sealed(name: str) -> bytes:
    """A file of tests/data with our stamp; as it is, where it takes none."""
    try:
        return pdf_tools.seal(pdf_tools.source(name))
    except Refused:
        return pdf_tools.source(name)


@st.composite
def mutated(draw: st.DrawFn, base: Callable[[str], bytes]) -> tuple[bytes, bytes]:
    """(the file before, the file after up to six wounds)."""
    whole = base(draw(st.sampled_from(NAMES)))
    wounded = whole
    for _wound in range(draw(st.integers(1, 6))):
        wound = draw(st.sampled_from(WOUNDS))
        wounded = wound(draw, wounded) if wounded else wounded
    return whole, wounded


def _flip(draw: st.DrawFn, data: bytes) -> bytes:
    place = draw(st.integers(0, len(data) - 1))
    return data[:place] + bytes([data[place] ^ (1 << draw(st.integers(0, 7)))]) + data[place + 1 :]


def _cut(draw: st.DrawFn, data: bytes) -> bytes:
    start = draw(st.integers(0, len(data)))
    return data[:start] + data[start + draw(st.integers(0, 2_000)) :]


def _truncate(draw: st.DrawFn, data: bytes) -> bytes:
    return data[: draw(st.integers(0, len(data)))]


def _splice(draw: st.DrawFn, data: bytes) -> bytes:
    """A piece of another file, or of this one, somewhere else."""
    other = sealed(draw(st.sampled_from(NAMES))) if draw(st.booleans()) else data
    start, place = draw(st.integers(0, len(other))), draw(st.integers(0, len(data)))
    return data[:place] + other[start : start + draw(st.integers(0, 3_000))] + data[place:]


def _double(draw: st.DrawFn, data: bytes) -> bytes:
    """An object twice: at the end, or in the place of another."""
    found = [match.span() for match in OBJECT.finditer(data)][:200]
    if not found:
        return data
    (start, end), (first, past) = draw(st.sampled_from(found)), draw(st.sampled_from(found))
    return data + b"\n" + data[start:end] if draw(st.booleans()) else data[:first] + data[start:end] + data[past:]


def _word(draw: st.DrawFn, data: bytes) -> bytes:
    """A word of PDF's where it does not belong."""
    place, word = draw(st.integers(0, len(data))), draw(st.sampled_from(WORDS))
    return data[:place] + word + data[place + draw(st.sampled_from((0, len(word)))) :]


def _number(draw: st.DrawFn, data: bytes) -> bytes:
    """One number made another: lengths, offsets, references, counts."""
    found = [match.span() for match in re.finditer(rb"\d+", data)][:4_000]
    if not found:
        return data
    start, end = draw(st.sampled_from(found))
    return data[:start] + str(draw(st.integers(-2, 70_000))).encode() + data[end:]


def _append(draw: st.DrawFn, data: bytes) -> bytes:
    return data + draw(st.binary(max_size=200))


WOUNDS = (_flip, _flip, _cut, _truncate, _splice, _double, _word, _word, _number, _number, _append)


@contextlib.contextmanager
def no_hang() -> Iterator[None]:
    """Raises Hang after `MOST_SECONDS`; a library that does not come back to Python is ended ten seconds later."""

    def stop(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(10)
        raise Hang

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(MOST_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def preflight_answers(data: bytes) -> None:
    """Preflight gives facts, and what it calls repairable is repaired or refused in so many words."""
    facts = preflight.Preflight.from_json(preflight.examine(data).as_json())
    if facts.repairable:
        with contextlib.suppress(Unreadable):
            repairing.repair(data)


def sealing_seals_or_refuses(data: bytes) -> None:
    """A sealed file is whole, and its seal is read back as one; else there is a reason."""
    try:
        made = pdf_tools.seal(data)
    except (Refused, SealingError):
        return
    reading = seal_reading.read(source=made, roots=pdf_tools.roots(), at=pdf_tools.NOW)
    last = reading.signatures[-1]
    assert (last.serial, last.intact, last.trusted, last.faults) == (pdf_tools.SERIAL, True, True, ())
    assert last.changes is Changes.NOTHING


def reading_is_not_fooled(whole: bytes, data: bytes) -> None:
    """Reading never raises; an intact seal by our key is found only on bytes that our key signed."""
    reading = seal_reading.read(source=data, roots=pdf_tools.roots(), at=pdf_tools.NOW)
    assert seal_reading.Reading.from_json(reading.as_json()) == reading
    for one in reading.signatures:
        if one.intact and one.trusted and one.changes in (Changes.NOTHING, Changes.PERMITTED):
            signed = data[: one.revision_end]
            ours = {sealed(name) for name in NAMES}
            assert whole.startswith(signed) or signed in ours or _same_but_case(signed, ours)


def _same_but_case(signed: bytes, ours: set[bytes]) -> bool:
    """Hexadecimal in the signature's gap may be written in capitals: no byte that it stands for is another."""
    return any(signed.lower() == one.lower() for one in ours)


def rounds(*, examples: int, number: int, shrink: bool = True) -> Iterator[Callable[[], None]]:
    """The properties, each to be called for one round, which is the same for the same number."""
    chosen = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )

    @seed(number)
    @chosen
    @given(mutated(pdf_tools.source))
    def preflight_of_a_document(files: tuple[bytes, bytes]) -> None:
        with no_hang():
            preflight_answers(files[1])

    @seed(number)
    @chosen
    @given(mutated(sealed))
    def preflight_of_a_sealed_file(files: tuple[bytes, bytes]) -> None:
        with no_hang():
            preflight_answers(files[1])

    @seed(number)
    @chosen
    @given(mutated(pdf_tools.source))
    def sealing_of_a_document(files: tuple[bytes, bytes]) -> None:
        with no_hang():
            sealing_seals_or_refuses(files[1])

    @seed(number)
    @chosen
    @given(mutated(sealed))
    def reading_of_a_sealed_file(files: tuple[bytes, bytes]) -> None:
        with no_hang():
            reading_is_not_fooled(*files)

    yield from (preflight_of_a_document, preflight_of_a_sealed_file, sealing_of_a_document, reading_of_a_sealed_file)


def main(minutes: float) -> int:
    """Rounds until the time is over; returns how many different findings there were. Each is told once."""
    logging.disable(logging.CRITICAL)  # pyHanko writes down every chain that leads nowhere
    end, number, each = time.monotonic() + minutes * 60, int(time.time()), 50
    done: Counter[str] = Counter()
    findings: Counter[str] = Counter()
    while time.monotonic() < end:
        number += 1
        for one in rounds(examples=each, number=number, shrink=False):
            done[one.__name__] += each
            try:
                one()
            except (Exception, Hang) as trouble:
                name = f"{one.__name__}, round {number}: {_place(trouble)}"
                findings[_place(trouble)] += 1
                if findings[_place(trouble)] == 1:
                    print(name, flush=True)
    print(dict(done), "findings:", dict(findings), flush=True)
    return len(findings)


def _place(trouble: BaseException) -> str:
    """The kind of error and the last line of ours that it went through."""
    frames = [frame for frame in traceback.extract_tb(trouble.__traceback__) if "/stamping/" in frame.filename]
    last = frames[-1] if frames else None
    return f"{type(trouble).__name__} at {Path(last.filename).name}:{last.lineno}" if last else type(trouble).__name__


if __name__ == "__main__":
    sys.exit(1 if main(float(sys.argv[1]) if len(sys.argv) > 1 else 10) else 0)
