"""A file that only its owner can read."""

import os


def write(file, text):
    """Write a file that only its owner can read, as a whole; one that says this already stays as it is."""
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return
    draft = file.with_name(f"{file.name}.new")
    with open(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
    draft.replace(file)
