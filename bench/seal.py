"""Sealing: ours against naive pyHanko, well-kept pyHanko, endesive and bare RSA signatures, in one run.

On one core in turns, then on two at once, then end to end through the workers (bench/seal_end_to_end.py).
"""

import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from bench import seal_ours, seal_rivals, shape
from bench.seal_end_to_end import end_to_end
from bench.seal_ours import ours
from bench.seal_rivals import Job
from stamping.authority import certificates, development
from stamping.pdf import inspecting

SIZES = {"60k": 60_000, "744k": 744_000, "4800k": 4_800_000}
ROUNDS = 5
SLOW_RSA = 1_500
"""Bare signatures a second of the machine that the promises were made for; a newer processor makes three times that."""


def measure(options: shape.Options, report: shape.Report) -> None:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])
    with tempfile.TemporaryDirectory() as folder:
        paths = development.make(folder=Path(folder, "authority"), at=datetime.now(UTC))
        sources = {name: document(size) for name, size in SIZES.items()}
        one_core(report, paths, sources, seconds=options.seconds * 0.5)
        os.sched_setaffinity(0, cores)
        two_cores(report, paths, sources["60k"], cores=cores[:2], seconds=options.seconds * 0.05)
    end_to_end(
        report,
        source=sources["60k"],
        documents=200 if options.quick else 1_500,
        seconds=options.seconds * 0.25,
    )


def one_core(report: shape.Report, paths: development.Paths, sources: dict[str, bytes], *, seconds: float) -> None:
    """Contestants take turns, round by round, so that a slow moment of the machine hits them all."""
    report.figures["growth_bytes"] = len(ours(paths, sources["60k"])()) - len(sources["60k"])
    jobs: dict[str, Job] = {name: ours(paths, source) for name, source in sources.items()}
    jobs["verify"] = verifying(paths, ours(paths, sources["60k"])())
    large = paths.folder / "large.pdf"
    large.write_bytes(sources["4800k"])
    report.figures["peak_mb"] = seal_ours.peak_mb(paths.folder, large)
    report.notes["peak_mb"] = "a fresh process that seals documents of 4.8 MB and does nothing else"
    rivals = {"naive": seal_rivals.naive, "kept": seal_rivals.kept}
    jobs |= {name: make(paths, sources["60k"]) for name, make in rivals.items()}
    jobs["rsa"] = seal_rivals.bare()
    try:
        jobs["endesive"] = seal_rivals.endesive(paths, sources["60k"])
    except Exception as trouble:  # it is not ours to mend: wherever it does not run, the reason is told
        report.missing("endesive_ratio_60k", f"endesive does not run here: {type(trouble).__name__}: {trouble}"[:200])
    rates = _rates(jobs, seconds=seconds / ROUNDS / len(jobs))
    for name in SIZES:
        report.figures[f"docs_per_s_{name}"] = rates[name]
    for yardstick in ("naive", "kept", "endesive", "rsa"):
        if yardstick in rates:
            report.figures[f"{yardstick}_ratio_60k"] = rates["60k"] / rates[yardstick]
            report.notes[f"{yardstick}_ratio_60k"] = f"of {rates[yardstick]:,.1f} a second of processor time"
    elsewhere = 1 / (1 / rates["60k"] - 1 / rates["rsa"] + 1 / SLOW_RSA)
    report.figures["docs_per_s_60k_slow_rsa"] = elsewhere
    report.notes["docs_per_s_60k_slow_rsa"] = (
        f"were a bare signature 1/{SLOW_RSA} s: {elsewhere / SLOW_RSA:.2f} of that rate"
    )
    report.figures["verify_per_s"] = rates["verify"]


def two_cores(
    report: shape.Report, paths: development.Paths, source: bytes, *, cores: list[int], seconds: float
) -> None:
    """Two processes at once, each on a core of its own: documents a second of the clock."""
    with ProcessPoolExecutor(len(cores), mp_context=get_context("spawn")) as processes:
        work = [processes.submit(seal_ours.alone, core, paths.folder, source, seconds) for core in cores]
        report.figures["docs_per_s_60k_two_cores"] = sum(one.result() for one in work)


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


def verifying(paths: development.Paths, sealed: bytes) -> Job:
    roots = certificates.load_roots(paths.root)

    def verify() -> object:
        return inspecting.inspect(source=sealed, roots=roots, at=datetime.now(UTC))

    return verify


if __name__ == "__main__":
    shape.run("seal", measure)
