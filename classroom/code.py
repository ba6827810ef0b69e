"""The code that workers run: which files it is, and a fingerprint that tells one version from another."""

import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATTERNS = ("tasks.py", "ledger.py", "ledger.lua", "recovery.lua", "classroom/*.py", "exercises/*/exercise.py")


def files():
    """The files, in order."""
    found = (path for pattern in PATTERNS for path in ROOT.glob(pattern))
    return sorted(path for path in found if path.is_file() and not path.name.startswith("."))


@cache
def fingerprint():
    """Eight characters that change when a file changes: of the files as this process found them at its start."""
    digest = hashlib.sha256()
    for path in files():
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:8]


fingerprint()
