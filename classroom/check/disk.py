"""What a run's folder holds on disk, and how it goes again, whatever has been put into it."""

import os
import subprocess
import tempfile
from contextlib import contextmanager, suppress

BLOCK = 4096  # bytes that a file or a folder takes at least


def used(folder, enough):
    """How many bytes all below a folder take, counted until it is more than enough; what goes meanwhile is not."""
    total, left = 0, [folder]
    while left:
        with suppress(OSError), os.scandir(left.pop()) as entries:
            for entry in entries:
                total += size(entry)
                if total > enough:
                    return total
                if entry.is_dir(follow_symlinks=False):
                    left.append(entry.path)
    return total


def size(entry):
    """How many bytes one entry takes; 0 where it is gone."""
    with suppress(OSError):
        return max(BLOCK, entry.stat(follow_symlinks=False).st_size)
    return 0


@contextmanager
def scratch(prefix):
    """A temporary folder's path; after the block it is gone, also where it is deeper than Python can go."""
    folder = tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
    try:
        yield folder.name
    finally:
        try:
            folder.cleanup()
        except RecursionError:
            subprocess.run(["rm", "-rf", "--", folder.name], stderr=subprocess.DEVNULL, timeout=60, check=False)
