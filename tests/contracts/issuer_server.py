"""A stand-in for the issuer: its login, its service for serials, its list, and the adapter that seals files.

It keeps the quirks of the real one as docs/authority.md tells them: no idempotency, HTTP 200 on failure, status
"True"/"False", tokens that run out, files that come later than the answer, a page past the end is the last page.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import string
import threading
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pikepdf
from PIL import Image
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers

from stamping.authority import development
from tests.contracts.stand_in import Seen, StandIn

USER, PASSWORD = "pengguna@contoh.example", "sandi-penerbit"
THERE = "/sharefolder"
"""Where the adapter thinks that the shared folder is."""
LETTERS = string.ascii_uppercase + string.digits


class IssuerServer(StandIn):
    """Everything at one address. `folder` is the shared folder as it really is."""

    def __init__(self, *, folder: Path, paths: development.Paths) -> None:
        super().__init__()
        self.folder, self.paths = folder, paths
        self.quota = 1000
        self.is_nested = False
        """Whether the login's token lies deep in the answer."""
        self.minted: dict[str, dict[str, Any]] = {}
        self.tokens: set[str] = set()
        self.logins = 0
        self.failures: list[str] = []
        """Error codes of the next seals; nothing is sealed then."""
        self.holds_results = False
        """Whether files come later than the answer; `deliver` lets them come."""
        self.held: dict[Path, bytes] = {}
        self.sealed: dict[str, str] = {}
        """By serial, the SHA-256 of what was sealed with it."""
        self.wishes: list[dict[str, Any]] = []
        self.lists_pictures = False
        self._one_at_a_time = threading.Lock()

    def answer(self, seen: Seen) -> tuple[int, dict[str, Any]]:
        with self._one_at_a_time:
            route = (seen.verb, urlsplit(seen.path).path)
            if route == ("POST", "/api/users/login"):
                return 200, self._login(seen.json())
            if route == ("POST", "/adapter/pdfsigning/rest/docSigningZ"):
                return 200, self._seal(seen.json())
            if seen.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
                return 200, {"status": "False", "statusCode": "01", "message": "Unauthorized"}
            if route == ("POST", "/chanel/stampv2"):
                return 200, self._mint(seen.json())
            if route == ("GET", "/api/chanel/stamp/ext"):
                return 200, self._list(parse_qs(urlsplit(seen.path).query))
            if route == ("GET", "/jenisdoc"):
                kinds = [{"kode": "3", "nama": "Surat Pernyataan"}, {"kode": "4a", "nama": "Kuitansi"}]
                return 200, {"statusCode": "00", "result": kinds}
            return 404, {"statusCode": "99"}

    def deliver(self) -> None:
        """Let the files come that were held back."""
        for path, data in self.held.items():
            path.write_bytes(data)
        self.held.clear()

    def forget_tokens(self) -> None:
        """As after 24 hours."""
        self.tokens.clear()

    def _login(self, wish: dict[str, Any]) -> dict[str, Any]:
        self.logins += 1
        if wish != {"user": USER, "password": PASSWORD}:
            return {"statusCode": "02", "message": "wrong user or password"}
        token = secrets.token_hex(16)
        self.tokens.add(token)
        if self.is_nested:
            return {"statusCode": "00", "result": {"data": {"login": {"token": token}}}}
        return {"statusCode": "00", "token": token}

    def _mint(self, wish: dict[str, Any]) -> dict[str, Any]:
        wanted = {"isUpload", "namadoc", "namafile", "snOnly", "nodoc", "tgldoc"}
        if not wanted <= set(wish) or wish["namadoc"] not in ("2", "3", "4a", "4b"):
            return {"statusCode": "90", "message": "bad request"}
        if len(self.minted) >= self.quota:
            return {"statusCode": "93", "message": "quota"}
        serial = "".join(secrets.choice(LETTERS) for _ in range(22))
        self.minted[serial] = {"file": wish["namafile"], "status": "NOTSTAMP", "picture": picture()}
        name = "image" if len(self.minted) % 2 else "Image"
        coded = base64.b64encode(self.minted[serial]["picture"]).decode()
        return {"statusCode": "00", "result": {"sn": serial, name: coded}}

    def _list(self, query: dict[str, list[str]]) -> dict[str, Any]:
        start, length, status = int(query["start"][0]), int(query["length"][0]), query["status"][0]
        rows = [
            {"serialnumber": serial, "status": one["status"], "file": one["file"], "tglupdate": "2026-09-01"}
            | ({"image": base64.b64encode(one["picture"]).decode()} if self.lists_pictures else {})
            for serial, one in self.minted.items()
            if one["status"] == status
        ]
        return {"statusCode": "00", "result": {"data": rows[start : start + length]}}

    def _seal(self, wish: dict[str, Any]) -> dict[str, Any]:
        self.wishes.append(wish)
        code = self.failures.pop(0) if self.failures else self._trouble(wish)
        if code:
            return {"status": "False", "errorCode": code, "errorMessage": "rahasia dalam"}
        source = self._here(wish["src"]).read_bytes()
        self.sealed[wish["refToken"]] = hashlib.sha256(source).hexdigest()
        self.minted[wish["refToken"]]["status"] = "STAMP"
        self.held[self._here(wish["dest"])] = _sealed(source, wish, self.paths)
        if not self.holds_results:
            self.deliver()
        return {"status": "True", "errorCode": "00"}

    def _trouble(self, wish: dict[str, Any]) -> str:
        """The code of what is wrong with a wish, or nothing."""
        corners = [wish[name] for name in ("visLLX", "visLLY", "visURX", "visURY")]
        serial = wish["refToken"]
        if not all(type(corner) is int for corner in corners) or corners[0] >= corners[2] or corners[1] >= corners[3]:
            return "90"
        if not self._here(wish["spesimenPath"]).is_file() or wish["reason"][:24] != f"[{serial}]":
            return "90"
        if wish["jwToken"] not in self.tokens or serial not in self.minted:
            return "91"
        if serial in self.sealed:
            same = hashlib.sha256(self._here(wish["src"]).read_bytes()).hexdigest() == self.sealed[serial]
            return "" if wish["retryFlag"] == "1" and same else "92"
        return ""

    def _here(self, path: str) -> Path:
        return self.folder / path.removeprefix(f"{THERE}/")


def picture() -> bytes:
    """A small PNG."""
    out = BytesIO()
    Image.new("L", (60, 60), 200).save(out, "PNG")
    return out.getvalue()


def _sealed(source: bytes, wish: dict[str, Any], paths: development.Paths) -> bytes:
    """As the vendor's own library does it: not by our kernel."""
    with pikepdf.open(BytesIO(source)) as pdf:
        page = min(wish["visSignaturePage"], len(pdf.pages))  # a page past the end is the last page
    box = tuple(wish[name] for name in ("visLLX", "visLLY", "visURX", "visURY"))
    spec = fields.SigFieldSpec(f"Peruri-{wish['refToken']}", on_page=page - 1, box=box)
    signer = signers.SimpleSigner.load_pkcs12(str(paths.signer), passphrase=paths.passphrase.read_bytes())
    assert signer is not None
    meta = signers.PdfSignatureMetadata(
        field_name=spec.sig_field_name, reason=wish["reason"], location=wish["location"], md_algorithm="sha256"
    )
    writer = IncrementalPdfFileWriter(BytesIO(source))
    return signers.PdfSigner(meta, signer, new_field_spec=spec).sign_pdf(writer, output=BytesIO()).getvalue()
