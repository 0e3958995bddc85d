"""Sealing on one core: ours against naive pyHanko, well-kept pyHanko and bare RSA signatures, same run, same
machine."""

import os
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.stamp import StaticStampStyle
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from bench import shape
from stamping.authority import certificates, development
from stamping.authority.local import LocalEngine
from stamping.pdf import appearance, geometry, inspecting, sealing

ADDRESS = "https://meterai.example/v/ABCDEFGHIJKLMN01234567/K7QX"
SERIAL = "ABCDEFGHIJKLMN01234567"
SIZES = {"60k": 60_000, "744k": 744_000, "4800k": 4_800_000}
ROUNDS = 5
Job = Callable[[], object]


def measure(options: shape.Options, report: shape.Report) -> None:
    """Contestants take turns, round by round, so that a slow moment of the machine hits them all."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        paths = development.make(folder=Path(folder, "authority"), at=datetime.now(UTC))
        sources = {name: document(size) for name, size in SIZES.items()}
        report.figures["growth_bytes"] = len(ours(paths, sources["60k"])()) - len(sources["60k"])
        jobs: dict[str, Job] = {name: ours(paths, source) for name, source in sources.items()}
        jobs["verify"] = verifying(paths, ours(paths, sources["60k"])())
        with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as fresh:
            report.figures["peak_mb"] = fresh.submit(peak_mb, paths.folder, sources["4800k"]).result()
        report.notes["peak_mb"] = "a fresh process sealing documents of 4.8 MB, the yardsticks' imports included"
        jobs |= {"naive": naive(paths, sources["60k"]), "kept": kept(paths, sources["60k"]), "rsa": bare()}
        rates = _rates(jobs, seconds=options.seconds * 0.9 / ROUNDS / len(jobs))
    for name in SIZES:
        report.figures[f"docs_per_s_{name}"] = rates[name]
    for yardstick in ("naive", "kept", "rsa"):
        report.figures[f"{yardstick}_ratio_60k"] = rates["60k"] / rates[yardstick]
    report.figures["verify_per_s"] = rates["verify"]
    report.missing("end_to_end_docs_per_s", "the path through the worker queue is not measured yet")


def peak_mb(authority: Path, source: bytes) -> float:
    """Peak memory of a process that seals and does nothing else, in megabytes. Runs in a fresh process."""
    seal = ours(development.Paths(authority), source)
    for _document in range(20):
        seal()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000


def _rates(jobs: dict[str, Job], *, seconds: float) -> dict[str, float]:
    """Runs a CPU second, the median of the rounds."""
    found: dict[str, list[float]] = {name: [] for name in jobs}
    for _round in range(ROUNDS):
        for name, job in jobs.items():
            found[name].append(_rate(job, seconds))
    return {name: sorted(rates)[ROUNDS // 2] for name, rates in found.items()}


def _rate(job: Job, seconds: float) -> float:
    job()
    done, end, started = 0, time.perf_counter() + seconds, time.process_time()
    while time.perf_counter() < end or not done:
        job()
        done += 1
    return done / (time.process_time() - started)


def document(size: int) -> bytes:
    """A letter of one page with a picture of noise that brings the file to about `size` bytes."""
    from PIL import Image

    out = BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1)
    side = int((max(size - 2_500, 0) / 3) ** 0.5)
    noise = Image.frombytes("RGB", (side, side), os.urandom(side * side * 3))
    canvas.drawImage(ImageReader(noise), 300, 500, 200, 200)
    for line in range(30):
        canvas.drawString(70, 480 - line * 14, "Dengan ini saya menyatakan bahwa data di atas benar.")
    canvas.save()
    return out.getvalue()


def ours(paths: development.Paths, source: bytes) -> Callable[[], bytes]:
    engine = LocalEngine.from_pkcs12(path=paths.signer, passphrase=paths.passphrase.read_text())
    placement = geometry.Placement(page=1, x=330, y=180)

    def seal() -> bytes:
        return sealing.seal(
            source=source,
            placement=placement,
            serial=SERIAL,
            verification_url=ADDRESS,
            reason_text="Meterai elektronik",
            engine=engine,
            at=datetime.now(UTC),
        ).data

    return seal


def verifying(paths: development.Paths, sealed: bytes) -> Job:
    roots = certificates.load_roots(paths.root)

    def verify() -> object:
        return inspecting.inspect(source=sealed, roots=roots, at=datetime.now(UTC))

    return verify


def naive(paths: development.Paths, source: bytes) -> Job:
    """pyHanko as its manual shows it, with our art: key file, art and QR symbol anew for each document."""

    def seal() -> object:
        appearance.art.cache_clear()
        return _pyhanko(_signer(paths), source, folder=paths.folder, reserved=None)

    return seal


def kept(paths: development.Paths, source: bytes) -> Job:
    """The same with signer and art kept and the signature's room known; QR symbol and serial anew, as they
    must be."""
    signer = _signer(paths)
    return lambda: _pyhanko(signer, source, folder=paths.folder, reserved=8_192)


def _signer(paths: development.Paths) -> signers.SimpleSigner:
    passphrase = paths.passphrase.read_bytes()
    signer = signers.SimpleSigner.load_pkcs12(str(paths.signer), passphrase=passphrase)
    assert isinstance(signer, signers.SimpleSigner)
    return signer


def _pyhanko(signer: signers.SimpleSigner, source: bytes, *, folder: Path, reserved: int | None) -> object:
    stamp = folder / "stamp.pdf"
    stamp.write_bytes(appearance.as_pdf(serial=SERIAL, address=ADDRESS))
    name = f"Meterai-{SERIAL}"
    meta = signers.PdfSignatureMetadata(
        field_name=name, reason=f"[{SERIAL}] Meterai elektronik", subfilter=fields.SigSeedSubFilter.PADES
    )
    spec = fields.SigFieldSpec(name, box=(330, 180, 416, 266))
    style = StaticStampStyle.from_pdf_file(str(stamp), border_width=0)
    signing = signers.PdfSigner(meta, signer, stamp_style=style, new_field_spec=spec)
    return signing.sign_pdf(IncrementalPdfFileWriter(BytesIO(source)), bytes_reserved=reserved)


def bare() -> Job:
    """One RSA-2048 signature and nothing else: what no sealing with such a key can beat."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return lambda: key.sign(b"x" * 200, padding.PKCS1v15(), hashes.SHA256())


if __name__ == "__main__":
    shape.run("seal", measure)
