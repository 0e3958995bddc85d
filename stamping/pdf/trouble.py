"""The errors of the PDF kernel, with every code it knows. Sentences for people are made from the codes
elsewhere."""


class Refused(Exception):
    """This document cannot take the stamp, now or later; `code` says why and a citizen can be told.

    password_needed, certified_no_changes, certified_form_only, fields_locked, signed_and_damaged, unreadable,
    no_such_page, page_too_small, bad_placement, already_sealed, dynamic_form.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Unreadable(Exception):
    """No reader makes sense of these bytes: not a PDF, or broken beyond repair, or locked by a password."""


class Hostile(Exception):
    """The file used up the time or the memory one file is allowed, or brought the reader down."""
