"""What a person sees while things start: one line a step, with its time."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Progress:
    """Prints `[ 3/10] migrate … 1.2 s`: the name when a step begins, its time when it is done."""

    def __init__(self, *, total: int, quiet: bool = False) -> None:
        self._total, self._number = total, 0
        self._open: str | None = None
        self._quiet = quiet

    def begin(self, name: str) -> None:
        """Show the name of the step that begins now."""
        self._number += 1
        self._open = name
        self._print(f"[{self._number:2}/{self._total}] {name} … ", end="")

    def done(self, remark: str) -> None:
        """Close the line of the open step."""
        if self._open is not None:
            self._open = None
            self._print(remark)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show a step around the work it stands for."""
        began = time.monotonic()
        self.begin(name)
        try:
            yield
        except BaseException:
            self.done("failed")
            raise
        self.done(f"{time.monotonic() - began:.1f} s")

    def _print(self, text: str, end: str = "\n") -> None:
        if not self._quiet:
            print(text, end=end, file=sys.stderr, flush=True)
