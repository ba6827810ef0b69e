"""What a check finds."""

from typing import NamedTuple


class Finding(NamedTuple):
    """What one check found: `ok`, `note` or `bad`, and the cure where it is not ok."""

    check: str
    outcome: str
    detail: str
    cure: str | None = None

    def __str__(self):
        line = f"  {self.outcome:<4}  {self.check:<9} {self.detail}"
        return f"{line}\n                  {self.cure}" if self.cure else line


def ok(check, detail):
    """All is well."""
    return Finding(check, "ok", detail)


def note(check, detail, cure):
    """It works, but better know it."""
    return Finding(check, "note", detail, cure)


def bad(check, detail, cure):
    """It does not work, or will soon stop."""
    return Finding(check, "bad", detail, cure)
