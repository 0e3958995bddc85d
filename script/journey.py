"""script/demo: the journey of one stamp over HTTP. Prints each step with its time."""

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from buyer import Buyer, Page

CHECKOUT = Path(__file__).resolve().parent.parent
CALLED_FROM = Path(os.environ.get("METERAI_CALLED_FROM", "."))
START_SECONDS, SEAL_SECONDS = 180, 120


class Failed(Exception):
    """The journey did not get where it should; the message says where it stopped."""


def main() -> int:
    """0 when the verification page says valid, else 1."""
    options = _options()
    source, target = CALLED_FROM / options.source, CALLED_FROM / options.target
    try:
        data = source.read_bytes()
    except OSError as error:
        print(f"{options.source}: {error.strerror}", file=sys.stderr)
        return 1
    try:
        with _site(options.url) as url:
            verdict = travel(url=url, name=source.name, data=data, target=target)
    except (Failed, LookupError, OSError) as trouble:
        print(f"\nStopped: {trouble}", file=sys.stderr)
        return 1
    print(f"\n{options.target}: {verdict}")
    return 0 if verdict == "valid" else 1


def travel(*, url: str, name: str, data: bytes, target: Path) -> str:
    """Buy one stamp on the site at `url`, affix it to `data`, save the sealed file; returns the verdict's word."""
    buyer = Buyer()
    with _step("price and form"):
        form = buyer.get(f"{url}/beli/").form("/beli/")
    with _step("order"):
        order = buyer.submit(form, quantity="1", contact="pembeli@contoh.example")
        _expect("/pesanan/" in order.url and order.status == 200, "the order was not taken", order)
    with _step("pay at the gateway"):
        _pay(buyer, order)
    with _step("upload and preflight"):
        files = {"file": (name, data, "application/pdf")}
        document = buyer.submit(buyer.get(order.url).form("/dokumen/"), files=files)
        _expect("/dokumen/" in document.url and document.status == 200, "the file was refused", document)
    with _step("place the stamp"):
        placed = buyer.submit(document.form("/tempat/"), save="1")
    with _step("agree"):
        followed = buyer.submit(placed.form("/setuju/"), final="on")
    with _step("seal"):
        download = _wait_for(buyer, followed.url, "/unduh/")
    with _step("download"):
        sealed = buyer.fetch(download)
        target.write_bytes(sealed)
    with _step("verify"):
        files = {"file": (target.name, sealed, "application/pdf")}
        answer = buyer.submit(buyer.get(f"{url}/periksa/").form("/periksa/"), files=files, serial="")
        verdict = re.search(r"verdict-([a-z_]+)", answer.text)
    return verdict.group(1) if verdict else "no verdict"


def _pay(buyer: Buyer, order: Page) -> None:
    """Pay on the gateway's own page, and wait until the shop knows."""
    deadline = time.monotonic() + 60
    while not (gateway := order.link("/pay/")):
        _expect(time.monotonic() < deadline, "the payment could not be started", order)
        time.sleep(1)
        order = buyer.get(order.url)
    page = buyer.get(gateway)
    buyer.submit(next(form for form in page.forms if form.method == "post"))
    _wait_for(buyer, order.url, "/kuitansi.pdf")


def _wait_for(buyer: Buyer, url: str, part: str) -> str:
    """Look at a page until it has a link that contains `part`."""
    deadline = time.monotonic() + SEAL_SECONDS
    while True:
        page = buyer.get(url)
        if link := page.link(part):
            return link
        _expect(time.monotonic() < deadline, f"no link {part} after {SEAL_SECONDS} s", page)
        time.sleep(0.5)


def _expect(fine: bool, trouble: str, page: Page) -> None:
    if not fine:
        said = re.sub(r"<[^>]+>|\s+", " ", "".join(re.findall(r'role="alert".*?</ul>', page.text, re.S)))
        raise Failed(f"{trouble} (status {page.status}) {said.strip()}")


@contextmanager
def _step(name: str) -> Iterator[None]:
    began = time.monotonic()
    print(f"{name:<24}", end="", flush=True)
    yield
    print(f"{time.monotonic() - began:7.2f} s")


@contextmanager
def _site(url: str) -> Iterator[str]:
    """The site to use: the one named, the one that runs on this checkout's data, or one of our own."""
    running = url.rstrip("/") or _running()
    if running:
        yield running
        return
    with tempfile.TemporaryDirectory(prefix="meterai-demo-") as folder:
        # On ports nobody holds: a server of somebody else's may be on the usual one.
        own = f"http://127.0.0.1:{_free_port()}"
        command = [str(CHECKOUT / "script/server"), "--port", own.rsplit(":", 1)[1], "--data", folder]
        with _step("start a server"):
            server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            _wait_until_ready(server, own)
        try:
            yield own
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)


def _running() -> str:
    """The address of the server on this checkout's data folder, if it answers."""
    folder = Path(os.environ.get("METERAI_DATA") or CHECKOUT / ".data")
    try:
        url = json.loads((folder / "run/env.json").read_text())["SITE_URL"]
    except (OSError, ValueError, KeyError):
        return ""
    return url if _answers(url) else ""


def _wait_until_ready(server: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(url):
        if server.poll() is not None or time.monotonic() > deadline:
            server.terminate()
            raise Failed("the server did not start; run script/server by itself to see why")
        time.sleep(0.5)


def _answers(url: str) -> bool:
    try:
        with urlopen(f"{url}/readyz", timeout=3) as response:
            return response.status == 200
    except (URLError, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/demo", description=__doc__)
    parser.add_argument("source", metavar="IN.pdf")
    parser.add_argument("target", metavar="OUT.pdf")
    parser.add_argument("--url", default="", help="of a running site (default: script/server, or an own one)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
