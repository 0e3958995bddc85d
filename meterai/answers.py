"""Answers that several doors give."""

from django.http import HttpResponseRedirect


class SeeOther(HttpResponseRedirect):
    """303: what was sent is done, and reloading the next page sends nothing again."""

    status_code = 303
