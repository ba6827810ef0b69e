"""Finds the exercises and loads the student's file of each by its path."""

import importlib.util
import logging
import os
import sys
import traceback
from functools import cache
from pathlib import Path

FOLDER = Path(os.environ.get("EXERCISES") or Path(__file__).resolve().parents[1] / "exercises").absolute()
broken = {}  # exercise name -> what is wrong with its file, in one sentence


def files():
    """The file to load for each exercise; EXERCISE_FILE puts another in the place of its exercise."""
    found = {path.parent.name: path for path in sorted(FOLDER.glob("*/exercise.py"))}
    other = os.environ.get("EXERCISE_FILE")
    if other:
        path = Path(other).resolve()
        found[path.parent.name] = path
    return found


@cache
def load():
    """The module of every exercise; one that cannot be loaded is reported and takes nothing else down."""
    loaded = {}
    for name, path in files().items():
        module = "exercises." + name
        try:
            spec = importlib.util.spec_from_file_location(module, path)
            sys.modules[module] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules[module])
            loaded[name] = sys.modules[module]
        except (Exception, SystemExit) as error:
            sys.modules.pop(module, None)
            leave_out(name, path, error)
    return loaded


def leave_out(name, path, error):
    """Remember and say what is wrong with an exercise."""
    words = error.msg if isinstance(error, SyntaxError) else error
    broken[name] = f"{path}, line {line(error, path)}: {type(error).__name__}: {words}"
    logging.getLogger(__name__).error("exercise %s is left out: %s", name, broken[name])


def line(error, path):
    """The line of the student's file in which this error arose."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return lines[-1] if lines else 1


def register_blueprints(app):
    """Give the Flask app the endpoints of all exercises; one whose blueprint does not fit is left out."""
    for name, module in load().items():
        try:
            app.register_blueprint(module.bp)
        except Exception as error:
            leave_out(name, module.__file__, error)
