"""A line between browser and site that can break after the server got what was sent: a real socket, no browser's trick.

(Playwright's own interception switches the browser's cache off, and with it what Back does.)
"""

import socket
import threading
from contextlib import suppress


class Line:
    """Carries every connection on to the site's port. While it is broken, answers to POST are lost."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.broken = False
        self.lost = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """No new connection."""
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                Connection(self, self._listening.accept()[0], socket.create_connection(("127.0.0.1", self._target)))


class Connection:
    """One connection, both ways."""

    def __init__(self, line: Line, browser: socket.socket, site: socket.socket) -> None:
        self._line, self._browser, self._site = line, browser, site
        self._is_post = False
        for pump in (self._send, self._receive):
            threading.Thread(target=pump, daemon=True).start()

    def _send(self) -> None:
        with suppress(OSError):
            while data := self._browser.recv(65536):
                if data[:5] in (b"POST ", b"GET /", b"HEAD "):
                    self._is_post = data.startswith(b"POST ")
                self._site.sendall(data)
        self._end()

    def _receive(self) -> None:
        with suppress(OSError):
            while data := self._site.recv(65536):
                if self._is_post and self._line.broken:
                    self._line.lost += 1
                    break
                self._browser.sendall(data)
        self._end()

    def _end(self) -> None:
        for side in (self._browser, self._site):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()
