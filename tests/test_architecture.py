"""The direction of imports is held: a fault planted against each rule is found, and named."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FAULTS = [
    ("Apps point one way", "orders/pricing.py", "from stamping import files"),
    ("Apps point one way", "meterai/taking.py", "from support import clocks"),
    ("Doors call steps", "orders/paying.py", "from orders import views"),
    ("Doors call steps", "stamping/models.py", "from stamping import placing"),
    ("know no Django", "stamping/pdf/geometry.py", "import django"),
    ("know no Django", "meterai/embedded/ports.py", "from django.conf import settings"),
    ("Nobody imports settings", "orders/pricing.py", "from meterai.settings import base"),
    ("Steps never see a request", "stamping/sealing.py", "import celery"),
    ("Steps never see a request", "orders/reserving.py", "from orders import tasks"),
]


def broken(checkout: Path) -> list[str]:
    """The contracts that import-linter finds broken."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    said = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False).stdout
    assert "Contracts:" in said, said
    return [line for line in said.splitlines() if line.endswith(" BROKEN")]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code alone, to be spoiled."""
    target = tmp_path_factory.mktemp("copy")
    for name in ("meterai", "orders", "stamping", "support"):
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__", "static"))
    shutil.copy(ROOT / "pyproject.toml", target)
    return target


def test_the_code_as_it_stands_keeps_every_rule(copy: Path) -> None:
    assert broken(copy) == []


@pytest.mark.parametrize(("rule", "place", "fault"), FAULTS, ids=[f"{place}: {fault}" for _, place, fault in FAULTS])
def test_a_planted_fault_is_found(copy: Path, rule: str, place: str, fault: str) -> None:
    path = copy / place
    clean = path.read_text()
    try:
        path.write_text(f"{clean}\n{fault}\n")
        assert any(rule in line for line in broken(copy))
    finally:
        path.write_text(clean)
