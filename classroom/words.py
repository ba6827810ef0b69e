"""What students read, in their language: English, or Portuguese where LAB_LANG or else the locale says so.

Each folder of words has a catalog in gettext's format, pt-BR.po, which lies there ready to be read.
"""

import os
from functools import cache
from pathlib import Path

ENGLISH, PORTUGUESE = "en", "pt-BR"
ours = Path(__file__).parent
folders = [ours]  # where words are looked for


def language():
    """The language to speak: en or pt-BR."""
    for name in ("LAB_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if words := os.environ.get(name):
            return PORTUGUESE if words.lower().startswith("pt") else ENGLISH
    return ENGLISH


def use(folder):
    """Look for words in this folder, too."""
    if folder not in folders:
        folders.append(folder)


def _(text, **values):
    """The text in the student's language, with these values in the place of their names in braces."""
    for folder in folders:
        if found := catalog(folder, language()).get(text):
            text = found
            break
    return text.format(**values) if values else text


@cache
def catalog(folder, language):
    """The translations that lie in this folder: English -> the other."""
    file = Path(folder) / f"{language}.po"
    if not file.exists():
        return {}
    from babel.messages.pofile import read_po  # takes a tenth of a second, which English need not wait for

    with open(file, "rb") as lines:
        return {message.id: message.string for message in read_po(lines) if message.id and message.string}


def in_language(file):
    """The file in the student's language where there is one: README.pt-BR.md beside README.md."""
    other = file.with_name(f"{file.stem}.{language()}{file.suffix}")
    return other if other.exists() else file
