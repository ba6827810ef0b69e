"""./lab check --share: tells the class's web server how a check ended, under a name of the student's choice."""

import json
import os
import sys
import threading
import urllib.error
import urllib.request
from http.client import HTTPException

import click

from classroom.address import LAB, running
from classroom.check.verdict import PASSED
from classroom.client import words
from classroom.label import LONGEST, is_line
from classroom.local.cluster import NO_PROXY
from classroom.local.private import write
from classroom.words import _

WITHIN = 2  # seconds in which the class's web server takes a result
FILE = LAB / "name"  # who the student is


def prepare(label=None):
    """Find out who shares, and with whom; asks on a terminal for a name, where none was given or kept."""
    url = os.environ.get("LAB_URL") or running().get("url") or ""
    if label is None:
        label = kept() or (asked() if url and sys.stdin.isatty() and sys.stdout.isatty() else "")
    else:
        label = checked(label)
    if label and label != kept():
        LAB.mkdir(mode=0o700, parents=True, exist_ok=True)
        write(FILE, label)
    return Teller(url if "://" in url or not url else f"http://{url}", label)


def checked(label):
    """The name without spaces around it; raises UsageError where it cannot be one."""
    label = label.strip()
    if label and is_line(label):
        return label
    raise click.UsageError(_("A name has 1 to {most} characters, none of them a control character.", most=LONGEST))


def kept():
    """The name that was given before; empty where there is none."""
    try:
        return checked(FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError, click.UsageError):
        return ""


def asked():
    """The name that is typed."""
    return click.prompt(_("Which name does your teacher know you by? (asked once)"), value_proc=checked)


def worth_telling(documents):
    """Those that passed, and the first that did not: the last of them is where the student is."""
    done = [one for one in documents if one["verdict"] == PASSED]
    return done + [one for one in documents if one not in done][:1]


class Teller:
    """Tells one web server about one student; where something is missing or in the way, says what."""

    def __init__(self, url, label):
        self.url, self.label = url.rstrip("/"), label

    def tell(self, *documents):
        """Share these results, until one is not taken; returns the sentence for the student."""
        command = "./lab check --share"
        if not self.url:
            command = f"LAB_URL=http://ADDRESS:5000 {command}"
            return _("Nothing was shared: with which class? With the teacher's address: {command}", command=command)
        if not self.label:
            return _("Nothing was shared: who are you? Once: {command}", command=f"{command} --as NAME")
        for document in documents:
            if trouble := self.trouble_with(document):
                return _("{name} was not shared: {why}", name=document["exercise"], why=trouble)
        names = ", ".join(document["exercise"] for document in documents)
        values = {"url": self.url, "label": self.label, "names": names}
        said = _("Shared with {url} as {label}: of each check of {names} whether it passed, and no code.", **values)
        if not os.environ.get("LAB_URL"):
            said += " " + _(
                "That is your own cluster; the class's: LAB_URL=http://ADDRESS:5000 {command}", command=command
            )
        return said

    def trouble_with(self, document):
        """Share one result; returns what was in the way, or nothing."""
        checks = {one["check"]: one["verdict"] for one in document["checks"]}
        body = {"label": self.label, "exercise": document["exercise"], "checks": checks}
        said = []
        # In a thread, as urllib bounds each step, but not all of them together.
        thread = threading.Thread(target=lambda: said.append(post(f"{self.url}/checks", body)), daemon=True)
        thread.start()
        thread.join(WITHIN)
        late = _("{url} does not answer within {seconds} s.", url=self.url, seconds=WITHIN)
        return said[0] if said else late


def post(url, body):
    """Post this as JSON; returns what was in the way, or nothing."""
    try:
        return answered(urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"}))
    except (OSError, ValueError, HTTPException) as error:
        return _("{url} does not answer: {why}", url=url, why=error)


def answered(request):
    """What an answer says that is not the one of a class's web server; nothing where it is."""
    try:
        with NO_PROXY.open(request, timeout=WITHIN) as answer:
            return "" if answer.status == 201 else _("{url} is no class's web server.", url=request.full_url)
    except urllib.error.HTTPError as error:
        with error:
            return words(error)
