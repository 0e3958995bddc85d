"""The whole corpus through `seal_folder`, judged by `judging`:

    .venv/bin/python -m meterai.embedded run .venv/bin/python -m tests.corpus [FOLDER]

FOLDER: other files to take instead. Prints what is wrong, then the counts; exit 1 when anything is.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.corpus import judging, make
from tests.corpus.cases import CASES


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="corpus-") as name:
        folder = Path(name)
        source = Path(sys.argv[1]) if len(sys.argv) > 1 else folder / "in"
        if len(sys.argv) == 1:
            make.fill(source, CASES.values())
        command = [
            sys.executable,
            "manage.py",
            "seal_folder",
            str(source),
            str(folder / "out"),
            "--no-stock",
            "--jobs",
            "2",
        ]
        subprocess.run([*command, "--report", str(folder / "report.jsonl")], check=True)
        return _judge(source, folder / "out", (folder / "report.jsonl").read_text().splitlines())


def _judge(source: Path, out: Path, lines: list[str]) -> int:
    wrong, counts = 0, Counter[str]()
    for line in map(json.loads, lines):
        name = line["file"]
        counts[line["code"] or "sealed"] += 1
        case = CASES.get(name)
        found = (
            []
            if case is None or not case.codes or line["code"] in case.codes
            else [f"unexpected: {line['code'] or 'sealed'}"]
        )
        if line["verdict"] == "sealed":
            found += judging.troubles((source / name).read_bytes(), out / name, line)
        wrong += bool(found)
        for trouble in found:
            print(f"{name}: {trouble}")
    print(f"{sum(counts.values())} files, {wrong} with something wrong; {dict(counts.most_common())}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
