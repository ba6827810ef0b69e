"""The files of the live page: one document, its style, and its script in modules of one job each."""

from pathlib import Path

from flask import Blueprint, send_from_directory

FOLDER = Path(__file__).with_name("page")
bp = Blueprint("page", __name__, url_prefix="/page")


@bp.get("/<name>")
def file(name):
    """Give one file; a browser asks each time whether it has changed."""
    return send_from_directory(FOLDER, name, max_age=0)
