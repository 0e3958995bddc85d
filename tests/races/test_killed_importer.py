"""kill -9 of the importer, ten times in one import: at any moment the batch is whole or absent, and at last whole."""

import hashlib
import random
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connection

from meterai import staging
from meterai.models import Batch, Delivery, Flip, Movement, Serial
from tests import factories
from tests.running_site import ROOT, Site

SERIALS, CHUNK, KILLS = 60_000, 2_000, 10
ABSENT, WHOLE = (0, 0, 0), (1, SERIALS, 1)


def importer(site: Site, file: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "manage.py", "import_batch", str(file), "--reference=K-9", "--by=gudang"]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    command += [f"--count={SERIALS}", f"--sha256={digest}", f"--chunk={CHUNK}", "--lease=0.5"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=site.environment, **pipes)  # type: ignore[call-overload]


def share_of(line: str) -> float:
    """How much of the whole import a line of progress tells: reading is its first half, keeping its second."""
    step, *words = line.split()
    if step not in ("reading", "keeping"):
        return 0
    done, total = int(words[0]), int(words[2])
    return (done / total + (step == "keeping")) / 2


def killed(process: "subprocess.Popen[str]", *, at: float, after: float) -> str:
    """Kill it so many seconds after it told that so much is done. Returns what it was doing: the last step it told."""
    doing = "starting"
    assert process.stdout
    while at > 0 and (line := process.stdout.readline()):
        doing = line.split()[0] if share_of(line) else doing
        if share_of(line) >= at:
            break
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return doing if process.returncode == -signal.SIGKILL else "ended"


def found() -> tuple[int, int, int]:
    """Batches, serials and rows in the book, at one moment."""
    with connection.cursor() as cursor:
        tables = ("meterai_batch", "meterai_serial", "meterai_movement")
        cursor.execute(f"SELECT {', '.join(f'(SELECT count(*) FROM {table})' for table in tables)}")
        row: tuple[int, int, int] = cursor.fetchone()
        return row


@pytest.mark.django_db(transaction=True)
def test_the_importer_killed_at_ten_random_moments_leaves_the_batch_whole_or_absent(tmp_path: Path) -> None:
    factories.person("gudang")
    codes = [secrets.token_hex(11).upper() for _ in range(SERIALS)]
    file = tmp_path / "gelombang.csv"
    file.write_bytes(factories.delivery(codes).read())
    site = Site.on(tmp_path)
    seed = random.randrange(2**32)
    dice, doing = random.Random(seed), []
    for turn in range(KILLS):
        # One moment in each tenth of the import; the first while it starts.
        at, after = dice.uniform(turn, turn + 1) / KILLS, dice.uniform(0, 0.04)
        process = importer(site, file)
        doing.append(killed(process, at=at if turn else 0, after=after if turn else dice.uniform(0, 2)))
        assert found() in (ABSENT, WHOLE), f"seed {seed}: killed while {doing}"
    assert {"reading", "keeping"} <= set(doing), f"seed {seed}: killed while {doing}"

    last = importer(site, file)
    said = last.communicate(timeout=60)[0]
    assert last.returncode == 0, f"seed {seed}: {said}"
    assert found() == WHOLE, f"seed {seed}: {said}"
    batch = Batch.objects.get()
    assert list(Serial.objects.filter(batch=batch).order_by("ordinal").values_list("code", flat=True)) == codes
    assert (batch.count, Movement.objects.get().quantity) == (SERIALS, SERIALS)
    assert Flip.objects.filter(noun="meterai.delivery", new="imported").count() == 1
    assert Delivery.objects.get().batch == batch and staging.tables() == set()
