"""Logs hold no secret and no personal data: what looks like one is masked before a line is written."""

import logging
import re

# The key part of a secret link, an address of a person, a telephone number.
_MASKS = (
    (re.compile(r"(/(?:pesanan|dokumen|aduan|order|document|ticket)s?/[^/\s]+/)[A-Za-z0-9_-]{22}"), r"\1…"),
    (re.compile(r"(dokumen=[0-9a-f-]{36}\.)[A-Za-z0-9_-]{22}"), r"\1…"),
    (re.compile(r"(kunci=)[A-Za-z0-9_-]{22}"), r"\1…"),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "…@…"),
    (re.compile(r"(?<![\w.])(?:\+62|62|0)8\d{7,11}\b"), "08…"),
    (re.compile(r"(Bearer |whsec_)[A-Za-z0-9+/=_.-]+"), r"\1…"),
)


def mask(text: str) -> str:
    """The text without link keys, e-mail addresses, telephone numbers and bearer tokens."""
    for pattern, put in _MASKS:
        text = pattern.sub(put, text)
    return text


class HideSecrets(logging.Filter):
    """Masks the finished message of each record, and the text of its exception."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = mask(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = mask(logging.Formatter().formatException(record.exc_info))
        return True
