"""Ways to a person: what each channel promises, and what becomes of a letter that a real mail server refuses."""

import json
import socketserver
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail

from orders import noticing
from orders.channels import registry
from orders.channels.channel import Channel, ChannelError
from orders.channels.email import EmailChannel, message_id
from orders.channels.files import FileChannel
from orders.models import Notice, Order
from tests import factories

LETTER = {"address": "siti@contoh.example", "subject": "Pesanan", "body": "Isi", "event": "MT-1:paid"}


class MailServer(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP (RFC 5321) as a letter needs; answers RCPT as `answers` says, with 250 by default."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.answers: dict[str, str] = {}
        self.letters: list[str] = []


class _Talk(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self._say("220 ready")
        while line := self.rfile.readline().decode().strip():
            verb = line[:4].upper()
            if verb == "RCPT":
                address = line.partition("<")[2].partition(">")[0]
                self._say(self.server.answers.get(address, "250 ok"))
            elif verb == "DATA":
                self._say("354 go on")
                self.server.letters.append("".join(iter(lambda: self.rfile.readline().decode(), ".\r\n")))
                self._say("250 taken")
            else:
                self._say("221 bye" if verb == "QUIT" else "250 ok")

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


@pytest.fixture
def mail_server(settings: Any) -> Iterator[MailServer]:
    """Letters go to a server of their own, over a socket."""
    server = MailServer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.server_address[1]
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def by_file(settings: Any, tmp_path: Path) -> Path:
    """Telephone numbers are reached by a channel that writes files."""
    folder = tmp_path / "messages"
    options = {"folder": str(folder)}
    settings.NOTICE_CHANNELS = {
        "email": {"BACKEND": "orders.channels.email.EmailChannel"},
        "files": {"BACKEND": "orders.channels.files.FileChannel", "OPTIONS": options},
    }
    return folder


def failing(channel: Channel, **changes: str) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        channel.send(**(LETTER | changes))
    return caught.value


# --- the channels


@pytest.mark.parametrize("channel", [EmailChannel(), FileChannel(folder="unused")], ids=["email", "files"])
def test_every_channel_keeps_the_contract(channel: object) -> None:
    assert isinstance(channel, Channel)


def test_a_letter_reaches_a_mail_server_whole(mail_server: MailServer) -> None:
    EmailChannel().send(**LETTER)
    [letter] = mail_server.letters
    assert f"Message-ID: {message_id('MT-1:paid')}" in letter and "Subject: Pesanan" in letter


def test_a_message_id_is_the_same_for_a_repeat_and_another_for_another_event_and_tells_nothing() -> None:
    assert message_id("MT-1:paid") == message_id("MT-1:paid") != message_id("MT-1:ordered")
    assert "MT-1" not in message_id("MT-1:paid")


@pytest.mark.parametrize(
    ("answer", "permanent"), [("550 no such mailbox", True), ("451 try later", False), ("452 full", False)]
)
def test_a_mail_server_s_refusal_is_permanent_where_it_says_so(
    answer: str, permanent: bool, mail_server: MailServer
) -> None:
    mail_server.answers["siti@contoh.example"] = answer
    assert failing(EmailChannel()).permanent is permanent


def test_a_mail_server_that_is_down_is_never_a_permanent_refusal(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    assert not failing(EmailChannel()).permanent


def test_a_subject_that_would_add_a_header_is_refused_for_good() -> None:
    assert failing(EmailChannel(), subject="Pesanan\nBcc: lain@contoh.example").permanent


def test_what_a_channel_says_of_a_failure_names_nobody(mail_server: MailServer) -> None:
    mail_server.answers["siti@contoh.example"] = "550 siti@contoh.example is unknown"
    assert "siti" not in str(failing(EmailChannel()))


def test_a_file_is_written_once_an_event(tmp_path: Path) -> None:
    channel = FileChannel(folder=str(tmp_path / "new"))
    for body in ("Isi", "Isi", "Isi"):
        channel.send(**(LETTER | {"body": body}))
    [written] = list((tmp_path / "new").iterdir())
    assert json.loads(written.read_text()) == LETTER


def test_a_folder_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    assert not failing(FileChannel(folder=str(tmp_path / "taken"))).permanent


def test_a_channel_that_is_not_configured_is_named(by_file: Path) -> None:
    with pytest.raises(registry.UnknownChannel, match="whatsapp"):
        registry.channel("whatsapp", configuration=registry.ONLY_EMAIL)


# --- notices through them


@pytest.mark.django_db
def test_an_order_with_a_number_only_is_told_by_the_channel_for_numbers(
    by_file: Path, stock: object, now: datetime
) -> None:
    placed = factories.order(at=now, email="", phone="+6281234567890")
    assert Notice.objects.get().channel == "files"
    assert noticing.send_due(at=now) == 1
    [written] = [json.loads(path.read_text()) for path in by_file.iterdir()]
    assert written["address"] == "+6281234567890" and placed.key in written["body"]
    assert mail.outbox == []


@pytest.mark.django_db
def test_an_order_with_an_address_is_told_by_e_mail_alone(by_file: Path, order: Order, now: datetime) -> None:
    assert noticing.send_due(at=now) == 1
    assert len(mail.outbox) == 1 and not by_file.exists()


@pytest.mark.django_db
def test_a_refused_address_is_given_up_after_three_tries_and_seen_by_people(
    mail_server: MailServer, order: Order, now: datetime
) -> None:
    mail_server.answers[order.email] = "550 no such mailbox"
    for hour in range(5):
        assert noticing.send_due(at=now + timedelta(hours=hour)) == 0
    notice = Notice.objects.get()
    assert notice.attempts == noticing.MOST_REFUSALS and list(noticing.given_up()) == [notice]
    del mail_server.answers[order.email]
    assert noticing.try_again(notice=notice, at=now + timedelta(hours=9))
    assert noticing.send_due(at=now + timedelta(hours=9)) == 1 and not noticing.given_up().exists()


@pytest.mark.django_db
def test_an_outage_of_a_day_loses_no_letter(order: Order, now: datetime, settings: Any) -> None:
    right = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    for minutes in range(0, 24 * 60, 10):
        noticing.send_due(at=now + timedelta(minutes=minutes))
    assert not noticing.given_up().exists()
    settings.EMAIL_BACKEND = right
    assert noticing.send_due(at=now + timedelta(hours=26)) == 1


@pytest.mark.django_db
def test_an_outage_without_end_is_given_up(order: Order, now: datetime, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    for day in range(noticing.MOST_TRIES + 3):
        noticing.send_due(at=now + timedelta(days=day))
    assert noticing.given_up().get().attempts == noticing.MOST_TRIES


@pytest.mark.django_db
def test_letters_that_always_fail_hold_up_no_other(mail_server: MailServer, stock: object, now: datetime) -> None:
    bad = [factories.order(at=now, email=f"salah{n}@contoh.example") for n in range(8)]
    mail_server.answers |= {one.email: "550 no such mailbox" for one in bad[:4]}
    mail_server.answers |= {one.email: "451 try later" for one in bad[4:]}
    good = factories.order(at=now + timedelta(seconds=1))
    for second in range(0, 30, 3):
        noticing.send_due(at=now + timedelta(seconds=1 + second))
    assert Notice.objects.get(event=f"{good.code}:ordered").sent_at is not None


@pytest.mark.django_db
def test_a_channel_that_is_down_is_left_alone_and_the_rest_is_not_counted_as_tried(
    by_file: Path, stock: object, now: datetime, settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    for number in range(6):
        factories.order(at=now, email=f"siti{number}@contoh.example")
    factories.order(at=now + timedelta(seconds=1), email="", phone="+6281234567890")
    assert noticing.send_due(at=now + timedelta(seconds=1)) == 1
    attempts = Notice.objects.filter(channel="email").values_list("attempts", flat=True)
    assert sorted(attempts) == [0, 0, 0, 1, 1, 1]


@pytest.mark.django_db
def test_a_letter_that_cannot_be_written_holds_up_no_other(order: Order, now: datetime) -> None:
    context: dict[str, Any] = {}
    noticing.leave_to(email="x@contoh.example", language="id", event="bad", template="no_such", context=context, at=now)
    Notice.objects.filter(event="bad").update(next_try_at=now - timedelta(hours=1))
    assert noticing.send_due(at=now) == 1
    assert Notice.objects.get(event="bad").sent_at is None


class KilledAfterSending(EmailChannel):
    """Sends, and then the process ends: nothing is marked."""

    def send(self, **letter: str) -> None:
        super().send(**letter)
        raise KeyboardInterrupt


@pytest.mark.django_db
def test_a_worker_killed_after_sending_repeats_the_letter_under_the_same_message_id(
    order: Order, now: datetime, settings: Any
) -> None:
    settings.NOTICE_CHANNELS = {"email": {"BACKEND": "tests.orders.test_channels.KilledAfterSending"}}
    with pytest.raises(KeyboardInterrupt):
        noticing.send_due(at=now)
    settings.NOTICE_CHANNELS = registry.ONLY_EMAIL
    assert noticing.send_due(at=now + noticing.LEASE - timedelta(seconds=1)) == 0
    assert noticing.send_due(at=now + noticing.LEASE) == 1
    first, again = mail.outbox
    assert first.extra_headers["Message-ID"] == again.extra_headers["Message-ID"]
