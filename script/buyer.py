"""A buyer with a browser that has no JavaScript: fetches pages, fills in forms, follows links."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin

import requests

Files = dict[str, tuple[str, bytes, str]]


@dataclass
class Form:
    """A form of a page: where it goes and what it already holds."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """The parts of a page that a buyer acts on."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__()
        self.url = response.url
        self.status = response.status_code
        self.text = response.text
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._form: Form | None = None
        self.feed(response.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in given:
            self.links.append(urljoin(self.url, given["href"]))
        elif tag == "form":
            action = urljoin(self.url, given.get("action", "") or self.url)
            self._form = Form(action, given.get("method", "get").lower())
            self.forms.append(self._form)
        elif tag == "input" and self._form is not None:
            self._input(given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None

    def form(self, ending: str) -> Form:
        """The form whose action ends so (without its query and fragment)."""
        for form in self.forms:
            if urldefrag(form.action).url.partition("?")[0].endswith(ending):
                return form
        raise LookupError(f"no form {ending} on {self.url.partition('?')[0].rsplit('/', 3)[0]} (status {self.status})")

    def link(self, part: str) -> str | None:
        """The first link that contains this."""
        return next((link for link in self.links if part in link), None)

    def _input(self, given: dict[str, str]) -> None:
        name, kind = given.get("name", ""), given.get("type", "text")
        if not name or kind in ("file", "submit", "button", "checkbox") or self._form is None:
            return
        if kind == "radio" and name in self._form.fields and "checked" not in given:
            return
        self._form.fields[name] = given.get("value", "")


class Buyer:
    """One person's browser."""

    def __init__(self) -> None:
        self.browser = requests.Session()
        self.browser.trust_env = False  # a proxy in the environment has no business with a server on this machine

    def get(self, url: str) -> Page:
        """Fetch a page."""
        return Page(self.browser.get(url, timeout=30))

    def fetch(self, url: str) -> bytes:
        """Fetch a file."""
        response = self.browser.get(url, timeout=60)
        response.raise_for_status()
        return response.content

    def submit(self, form: Form, *, files: Files | None = None, **values: str) -> Page:
        """Send a form with these values over its own, and follow where it leads."""
        data = form.fields | values
        headers = {"Referer": form.action}
        return Page(self.browser.post(form.action, data=data, files=files, headers=headers, timeout=60))
