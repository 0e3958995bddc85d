"""script/storm [N] [--kills K] [--seed S]: the storm on throw-away services; a table, then one line of JSON."""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any


def main() -> int:
    """0 when every rupiah is accounted for."""
    import django

    django.setup()
    from django.core.cache import cache
    from django.core.management import call_command
    from django.utils import timezone

    from tests import factories
    from tests.storm.storm import Storm

    options = _options()
    call_command("migrate", verbosity=0)
    cache.clear()
    factories.stock(options.count * 3, at=timezone.now())
    with tempfile.TemporaryDirectory(prefix="meterai-storm-") as folder:
        given = {"count": options.count, "kills": options.kills, "seed": options.seed}
        storm = Storm(Path(options.folder or folder), settled_within=options.patience, **given)
        figures = storm.figures(storm.rage())
    _show(figures)
    print(json.dumps({"storm": options.count, "seed": options.seed} | figures))
    return 1 if figures["troubles"] else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/storm", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=10_000, help="orders (default %(default)s)")
    parser.add_argument("--kills", type=int, default=20, help="of web and worker in turns (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is random (default %(default)s)")
    parser.add_argument(
        "--patience", type=float, default=300, help="seconds it may take to settle (default %(default)s)"
    )
    parser.add_argument("--folder", help="where logs and the gateway's file stay; thrown away by default")
    return parser.parse_args()


def _show(figures: dict[str, Any]) -> None:
    for name, value in figures.items():
        print(f"{name:<14} {_in_words(value)}")


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{count} {what}" for what, count in sorted(value.items())) or "none"
    if isinstance(value, list):
        return "\n               ".join(value) or "none"
    return f"{value:,}"


if __name__ == "__main__":
    sys.exit(main())
