"""Documents go; what proves them stays."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage

from meterai.states import NoSuchArrow
from stamping import erasing, files, preparing, sealing, verifying
from stamping.models import Document
from stamping.verdict import Conclusion
from tests.stamping.conftest import NOW

pytestmark = pytest.mark.django_db


def test_an_erased_document_still_verifies_from_its_owner_s_copy(queued: Callable[..., Document]) -> None:
    document = queued()
    sealing.seal_due(at=NOW)
    document.refresh_from_db()
    copy, names = files.read(document.output), (document.source, document.output)
    erasing.erase(document=document, at=NOW, actor="buyer")
    assert not any(default_storage.exists(name) for name in names)
    assert verifying.verify_file(source=copy, at=NOW).conclusion is Conclusion.VALID


def test_a_queued_document_cannot_be_erased(queued: Callable[..., Document]) -> None:
    with pytest.raises(NoSuchArrow):
        erasing.erase(document=queued(), at=NOW, actor="buyer")


def test_what_is_kept_long_enough_goes_and_the_rest_stays(queued: Callable[..., Document], letter: bytes) -> None:
    document = queued()
    sealing.seal_due(at=NOW)
    preparing.take_up(name="baru.pdf", source=letter, at=NOW)
    assert erasing.erase_old(at=NOW + timedelta(days=13)) == 0
    assert erasing.erase_old(at=NOW + timedelta(days=15)) == 1
    assert erasing.erase_old(at=NOW + timedelta(days=366)) == 1
    document.refresh_from_db()
    assert (document.state, document.name) == (Document.State.ERASED, "-")
    assert document.output_sha256
