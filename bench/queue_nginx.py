"""A real nginx on the configuration of deploy/nginx, on ports and in folders of its own. Used by tests as well."""

import gzip
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

CONFIGURATION = Path(__file__).resolve().parents[1] / "deploy" / "nginx"
# Debian keeps it where an ordinary PATH does not look.
BINARY = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


@dataclass
class Nginx:
    """The configuration as it stands, but for ports, paths and the user.

    `app`: the address of the web server behind it. `servers`: more `server { … }` blocks.
    """

    folder: Path
    port: int
    app: str
    public: Path
    static: Path
    servers: str = ""
    running: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def write(self) -> Path:
        """Copy the configuration, with what differs here put in; the main file."""
        target = self.folder / "nginx"
        shutil.copytree(CONFIGURATION, target, dirs_exist_ok=True)
        changes = {
            "/srv/meterai/public_root": str(self.public),
            "/srv/meterai/static_root": str(self.static),
            "/srv/meterai/deploy/nginx": str(target),
            "/run/nginx-meterai.pid": str(self.folder / "nginx.pid"),
            "/var/log/nginx/": f"{self.folder}/",
            "listen 80 reuseport": f"listen 127.0.0.1:{self.port} reuseport",
            "server 127.0.0.1:8000": f"server {urlsplit(self.app).netloc}",
            # The folders here belong to whoever runs this, and to nobody else.
            "user www-data;": "user root;" if os.getuid() == 0 else "",
            " buffer=64k flush=5s": "",  # each line at once
            "worker_rlimit_nofile 131072;": "",
            "worker_connections 60000;": "worker_connections 12000;",
            "http {\n": "http {\n" + "".join(f"    {part};\n" for part in self._scratch()),
            "include meterai.conf;": f"include meterai.conf;\n{self.servers}",
        }
        for name in ("nginx.conf", "meterai.conf"):
            text = (target / name).read_text()
            for old, new in changes.items():
                text = text.replace(old, new)
            (target / name).write_text(text)
        return target / "nginx.conf"

    def check(self) -> subprocess.CompletedProcess[str]:
        """`nginx -t`."""
        return subprocess.run([*self._command(), "-t"], capture_output=True, text=True, check=False)

    def start(self) -> None:
        """Until it listens. Raises RuntimeError with what nginx says."""
        log = self.folder / "nginx.out"
        with log.open("wb") as out:
            command = [*self._command(), "-g", "daemon off;"]
            self.running = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
        deadline = time.monotonic() + 10
        while not self._listens():
            if self.running.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text())
            time.sleep(0.02)

    def stop(self) -> None:
        if self.running is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.running.pid, signal.SIGTERM)
            self.running.wait(10)
            self.running = None

    def _command(self) -> list[str]:
        assert BINARY, "nginx is missing"
        errors = str(self.folder / "error.log")
        return [BINARY, "-e", errors, "-p", str(self.folder), "-c", str(self.folder / "nginx" / "nginx.conf")]

    def _scratch(self) -> list[str]:
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        return [f"{kind}_temp_path {self.folder}/scratch-{kind}" for kind in kinds]

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def answer(port: int, path: str) -> bytes:
    """One whole answer on a kept connection, head and body, compressed as for a browser."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n\r\n".encode())
        got = b""
        while not _is_whole(got):
            part = connection.recv(65536)
            if not part:
                raise ConnectionError(f"{path}: closed after {len(got)} bytes")
            got += part
        return got


def page_and_parts(port: int, path: str) -> dict[str, bytes]:
    """The answers that one view of this page takes: itself, and the styles and scripts that it names."""
    page = answer(port, path)
    head, _end, body = page.partition(b"\r\n\r\n")
    text = _text(head, body)
    named = sorted(set(re.findall(r'(?:src|href)="(/(?:static|status)/[^"]+\.(?:css|js|svg)[^"]*)"', text)))
    return {path: page} | {one: answer(port, one) for one in named}


def _is_whole(got: bytes) -> bool:
    head, end, body = got.partition(b"\r\n\r\n")
    if not end:
        return False
    if length := re.search(rb"(?i)content-length: (\d+)", head):
        return len(body) >= int(length[1])
    return body.endswith(b"0\r\n\r\n")


def _text(head: bytes, body: bytes) -> str:
    if b"chunked" in head.lower():
        whole, rest = b"", body
        while size := int(rest.partition(b"\r\n")[0], 16):
            start = rest.index(b"\r\n") + 2
            whole, rest = whole + rest[start : start + size], rest[start + size + 2 :]
        body = whole
    return (gzip.decompress(body) if b"gzip" in head.lower() else body).decode()
