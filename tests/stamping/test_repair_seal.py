"""What a repair gives is sealed only where a fresh reader finds the seal again."""

import pytest

from stamping.pdf import guards, repairing, sealing
from stamping.pdf.trouble import Refused
from tests.stamping import pdf_tools as tools


def test_a_seal_that_nobody_could_open_after_a_repair_is_refused_and_never_handed_out() -> None:
    source = tools.source("spliced")
    guards.open_leniently(repairing.repair(source))  # the repaired file opens: only its sealed form does not
    with pytest.raises(Refused) as refused:
        tools.seal(source)
    assert refused.value.code == "unreadable"


def test_a_damaged_file_is_still_sealed_and_its_seal_is_there() -> None:
    reader = guards.open_leniently(tools.seal(tools.source("damaged")))
    assert [one.field_name for one in reader.embedded_regular_signatures] == [sealing.field_name(tools.SERIAL)]
