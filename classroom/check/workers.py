"""The line that says which code the workers of the cluster in this folder run."""

import threading
import time

import click

from classroom import client, code
from classroom.address import running
from classroom.words import _

PAUSE = 1  # seconds between two questions


class Workers(threading.Thread):
    """Asks the running cluster again and again, and never lets anybody wait for its answer."""

    def __init__(self):
        super().__init__(daemon=True)
        self.known = None
        self.start()

    def run(self):
        """Ask for ever."""
        while True:
            self.known = workers()
            time.sleep(PAUSE)

    def lines(self):
        """One line on the workers; none where no cluster runs."""
        known = self.known
        return [] if known is None else [_("workers: {words}", words=" ".join(map(words, known)) or _("none"))]


def workers():
    """The workers of the cluster that runs in this folder; None where none runs, or it does not answer."""
    url = running().get("url")  # LAB_URL may name the class's
    if not url:
        return None
    try:
        known, here = client.call("/workers", url=url)["workers"], code.fingerprint_now()
    except (click.ClickException, OSError):  # it starts or stops, or somebody is saving just now
        return None
    return [one | {"new_code": one["code"] == here} for one in known]


def words(worker):
    """What there is to say of one worker."""
    name = worker["name"].partition("@")[0]
    if worker["new_code"]:
        return _("{name} (new code)", name=name)
    if worker["old_code"]:  # the web server has the new one, and tells the worker
        return _("{name} (OLD code, restarting …)", name=name)
    return _("{name} (OLD code)", name=name)
