"""Finds what has not been translated: every text in _(…), and the promises of all checks."""

import ast

from babel.messages.extract import extract_from_file

from classroom.words import PORTUGUESE, catalog


def texts(files):
    """The English texts in these Python files, in order."""
    found = {}
    for file in files:
        for _line, text, _comments, _context in extract_from_file("python", file, keywords={"_": None}):
            found[text] = file
        found |= dict.fromkeys(promises(file), file)
    return list(found)


def promises(file):
    """The docstrings of the checks in a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    checks = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")]
    return [" ".join(ast.get_docstring(one).split()) for one in checks]


def untranslated(folder, files):
    """The texts in these files that the catalog in this folder has not."""
    return [text for text in texts(files) if text not in catalog(folder, PORTUGUESE)]


def unused(folder, files):
    """The texts in the catalog that no file has any more."""
    return sorted(set(catalog(folder, PORTUGUESE)) - set(texts(files)))
