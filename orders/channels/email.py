"""E-mail, by whatever backend of Django's EMAIL_BACKEND names: SMTP, or a provider's API through django-anymail."""

import smtplib
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils.crypto import salted_hmac

from .channel import EMAIL, ChannelError

# By name, so that django-anymail need not be installed where plain SMTP does.
_REFUSED_BY_PROVIDER = {"AnymailRecipientsRefused", "AnymailInvalidAddress", "AnymailUnsupportedFeature"}
# Of a provider's 4xx these say nothing about the letter: our key, a time-out, too many at once.
_OURS_TO_MEND = (401, 403, 408, 429)


class EmailChannel:
    """Letters as plain text."""

    carries = EMAIL

    def send(self, *, address: str, subject: str, body: str, event: str) -> None:
        """A repeat carries the same Message-ID, by which mailboxes know a letter that they have already."""
        headers = {"Message-ID": message_id(event)}
        letter = EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, [address], headers=headers)
        try:
            letter.send()
        except Exception as error:  # every backend raises its own kinds
            raise ChannelError(type(error).__name__, permanent=is_permanent(error)) from error


def message_id(event: str) -> str:
    """The Message-ID of an event's letter (RFC 5322 section 3.6.4): always the same, and nothing to be read in it."""
    host = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return f"<{salted_hmac('orders.channels.email', event, algorithm='sha256').hexdigest()[:40]}@{host}>"


def is_permanent(error: Exception) -> bool:
    """Whether this letter will be refused again: its address or its content is what the server did not want."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _words in error.recipients.values())
    if isinstance(error, smtplib.SMTPDataError):
        return error.smtp_code >= 500
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return 400 <= status < 500 and status not in _OURS_TO_MEND
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return isinstance(error, ValueError) or bool(kinds & _REFUSED_BY_PROVIDER)
