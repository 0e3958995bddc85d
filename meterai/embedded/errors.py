"""The one error of the launcher: what is wrong, and what to do about it."""

from pathlib import Path


class CannotStart(Exception):
    """Nothing was started, or all of it was stopped again. Carries a message and a cure for people."""

    def __init__(self, message: str, *, cure: str) -> None:
        super().__init__(message)
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.args[0]}\n  Cure: {self.cure}"


def last_lines(text: str, *, count: int = 20) -> str:
    """The end of a log, indented, for the message of a step that failed."""
    return "\n".join(f"    {line}" for line in text.splitlines()[-count:])


def end_of(log: Path) -> str:
    """The end of a log file, the same way."""
    return last_lines(log.read_text(errors="replace"))
