"""The code that workers run: which files it is, a fingerprint that tells one from another, and what it runs on."""

import hashlib
import platform
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("celery", "kombu", "redis")  # those that all machines should have in the same versions
PATTERNS = (
    *("tasks.py", "ledger.py", "*.lua"),
    *("classroom/*.py", "classroom/recorded/*.py", "classroom/worker/*.py", "exercises/*/exercise.py"),
)


def files():
    """The files, in order."""
    found = (path for pattern in PATTERNS for path in ROOT.glob(pattern))
    return sorted(path for path in found if path.is_file() and not path.name.startswith("."))


def fingerprint_now():
    """Eight characters that change when a file changes: of the files as they are now."""
    digest = hashlib.sha256()
    for path in files():
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:8]


@cache
def fingerprint():
    """The fingerprint of the files as this process found them at its start."""
    return fingerprint_now()


@cache
def versions():
    """The versions of Python, without its last number, and of the packages that talk to the broker: name -> version."""
    from importlib.metadata import version  # takes longer than all the rest of this file, which every command loads

    return {"python": platform.python_version().rpartition(".")[0]} | {name: version(name) for name in PACKAGES}


fingerprint()
