"""The answer of the public check: separate facts, and one conclusion that follows from them.

A fact may be None: it was not looked at, or could not be known. An unknown fact never makes a stamp valid,
and never makes it invalid.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Changes(StrEnum):
    """What was done to the file after the seal."""

    NOTHING = "nothing"
    """The seal covers the whole file."""
    PERMITTED = "permitted"
    """Only what does not touch the document: later signatures and their own fields, validation data."""
    FORBIDDEN = "forbidden"
    """Something else: pages, text, a field filled in, or what the file shows in another way."""
    UNKNOWN = "unknown"
    """It could not be told."""


class Shown(StrEnum):
    """How a file without a seal for it shows a serial."""

    NOTHING = "nothing"
    """It does not, or a seal stands for it."""
    TEXT = "text"
    """It is written there, as in a receipt: no claim to be a stamp."""
    PICTURE = "picture"
    """As a stamp looks: by a QR symbol that is this site's, or by the stamp's own field without its signature."""


class Conclusion(StrEnum):
    """What a person may rely on."""

    VALID = "valid"
    """This stamp was affixed to exactly this document, by the issuer's seal, and stands."""
    INVALID = "invalid"
    """The seal is broken or forged, it is only a picture, or the serial belongs to another document: this
    stamp pays no duty here."""
    CANCELLED = "cancelled"
    """The serial was real and has been voided or refunded: it pays no duty any more."""
    CANNOT_TELL = "cannot_tell"
    """Too little is known to say yes or no; the reasons say what is missing."""


ALIVE = "AFFIXED"
CANCELLED_STATES = frozenset({"VOID", "REFUNDED"})
NOT_SOLD = frozenset({None, "RESERVED"})
"""The states of a serial of ours that nobody has paid for."""


@dataclass(frozen=True)
class Verdict:
    """Facts about one serial, read off a file, or typed in (then `seal_found` is None).

    seal_found           the file holds a seal for this serial
    seal_intact          digest, signature value and coverage of the seal are right
    certificate_trusted  it leads to a root the issuer stands behind; None: no root to compare with
    serial_known         our books hold the serial; None: not looked up
    serial_state         its state there: RESERVED, SOLD, AFFIXED, REFUNDED, VOID; None: nobody ever had it
    hash_matches         the file as sealed is, byte for byte, what our books committed for this serial; None: the
                         books hold no hash
    changes_after        what came after the seal
    repeated             another seal in the file uses the same serial, and the books do not say that this one is right
    shown                how a serial without a seal is shown
    """

    seal_found: bool | None = None
    seal_intact: bool | None = None
    certificate_trusted: bool | None = None
    serial_known: bool | None = None
    serial_state: str | None = None
    hash_matches: bool | None = None
    changes_after: Changes = Changes.UNKNOWN
    repeated: bool = False
    shown: Shown = Shown.NOTHING

    @property
    def conclusion(self) -> Conclusion:
        """The heaviest reason decides; without any, everything needed was seen and is right."""
        return next((conclusion for conclusion, _code in self._objections()), Conclusion.VALID)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why, the deciding one first: codes. Empty when valid.

        invalid: seal_broken, certificate_untrusted, changed_after_seal, serial_of_another_document,
        serial_not_sold, serial_repeated, picture_without_seal
        cancelled: serial_void, serial_refunded
        cannot_tell: text_without_seal, no_seal, no_document, trust_unknown, serial_unknown,
        serial_not_looked_up, not_affixed, hash_unknown, changes_unknown, seal_not_checked
        """
        return tuple(code for _conclusion, code in self._objections())

    def _objections(self) -> Iterator[tuple[Conclusion, str]]:
        """Forgery first: a forger must not be able to turn "forged" into the milder "cancelled" by choosing a
        void serial. Then what the books say, then what is missing."""
        yield from ((Conclusion.INVALID, code) for code in self._forgeries())
        if self.serial_state in CANCELLED_STATES:
            yield Conclusion.CANCELLED, f"serial_{self.serial_state.lower()}"
        yield from ((Conclusion.CANNOT_TELL, code) for code in self._gaps())

    def _forgeries(self) -> Iterator[str]:
        if self.seal_found is False and self.shown is Shown.PICTURE:
            yield "picture_without_seal"
        if not self.seal_found:
            return
        if self.seal_intact is False:
            yield "seal_broken"
        if self.certificate_trusted is False:
            yield "certificate_untrusted"
        if self.changes_after is Changes.FORBIDDEN:
            yield "changed_after_seal"
        # Of a broken seal another digest says nothing: the file was changed, whichever it was.
        if self.serial_known and self.hash_matches is False and self.seal_intact is not False:
            yield "serial_of_another_document"
        if self.serial_known and self.serial_state in NOT_SOLD:
            yield "serial_not_sold"
        if self.repeated:
            yield "serial_repeated"

    def _gaps(self) -> Iterator[str]:
        if self.seal_found is None:
            yield "no_document"
        elif not self.seal_found:
            if self.shown is not Shown.PICTURE:  # said already, and louder
                yield "text_without_seal" if self.shown is Shown.TEXT else "no_seal"
        else:
            yield from self._gaps_of_the_seal()
        if self.serial_known is False:
            yield "serial_unknown"
        elif self.serial_known is None and self.seal_found is not False:
            yield "serial_not_looked_up"
        elif self.serial_known and self.serial_state not in {ALIVE, *CANCELLED_STATES}:
            yield "not_affixed"

    def _gaps_of_the_seal(self) -> Iterator[str]:
        if self.seal_intact is None:
            yield "seal_not_checked"
        if self.certificate_trusted is None:
            yield "trust_unknown"
        if self.changes_after is Changes.UNKNOWN:
            yield "changes_unknown"
        if self.serial_known and self.hash_matches is None:
            yield "hash_unknown"


def worst(verdicts: Iterable[Verdict]) -> Conclusion:
    """One answer for a file with several seals: it is as good as its worst one. Without any: cannot tell."""
    order = (Conclusion.INVALID, Conclusion.CANCELLED, Conclusion.CANNOT_TELL, Conclusion.VALID)
    found = {verdict.conclusion for verdict in verdicts}
    return next((conclusion for conclusion in order if conclusion in found), Conclusion.CANNOT_TELL)
