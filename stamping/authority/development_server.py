"""The development authority over HTTP: its time-stamp authority (RFC 3161) and its revocation list.

    POST /tsa   application/timestamp-query -> application/timestamp-reply
    GET  /crl   the revocation list (DER)

For tests and for trying the higher levels; nothing that it stamps proves anything.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from asn1crypto import keys, tsp
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from stamping.authority import development

LARGEST_QUESTION = 4096


class DevelopmentServer(ThreadingHTTPServer):
    """Serves until it is shut down. `clock` tells the time that is stamped; port 0 takes a free one."""

    daemon_threads = True

    def __init__(
        self,
        *,
        paths: development.Paths,
        port: int = 0,
        host: str = "127.0.0.1",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._paths, self._clock, self._tsa = paths, clock, _tsa(paths)
        super().__init__((host, port), _Handler)
        self.url = f"http://{host}:{self.server_port}"

    def stamped(self, question: bytes) -> bytes:
        """The answer to a time-stamp request. Raises ValueError for what is none."""
        asked = tsp.TimeStampReq.load(question, strict=True)
        self._tsa.fixed_dt = self._clock()
        answer: bytes = self._tsa.request_tsa_response(asked).dump()
        return answer

    def revocation_list(self) -> bytes:
        """The list as of now."""
        return development.revocation_list(paths=self._paths, at=self._clock())


class _Handler(BaseHTTPRequestHandler):
    server: DevelopmentServer

    def do_GET(self) -> None:
        if self.path != "/crl":
            self._answer(404, b"", "text/plain")
            return
        self._answer(200, self.server.revocation_list(), "application/pkix-crl")

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if self.path != "/tsa" or length > LARGEST_QUESTION:
            self._answer(404, b"", "text/plain")
            return
        try:
            reply = self.server.stamped(self.rfile.read(length))
        except ValueError:
            self._answer(400, b"", "text/plain")
            return
        self._answer(200, reply, "application/timestamp-reply")

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""

    def _answer(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _tsa(paths: development.Paths) -> DummyTimeStamper:
    passphrase = paths.passphrase.read_bytes().strip()
    key, certificate, _chain = pkcs12.load_key_and_certificates(paths.tsa.read_bytes(), passphrase)
    if key is None or certificate is None:
        raise ValueError("tsa.p12 holds no key")
    bare = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return DummyTimeStamper(
        asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER)),
        keys.PrivateKeyInfo.load(bare),
        certs_to_embed=SimpleCertificateStore(),
    )
