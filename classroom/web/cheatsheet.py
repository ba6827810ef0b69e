"""What `curl http://…/` answers: the lines to type next."""

SHEET = """\
The classroom cluster. Send a task, get its id at once, ask how it goes:

  curl -X POST {url}/longtask -H 'Content-Type: application/json' -d '{{"x": 10}}'
  curl {url}/status/ID            how it goes; ?wait=30 answers when it has ended
  curl -X POST {url}/cancel/ID    stop it
  curl {url}/workers              who works here
  curl {url}/healthz              is all well?
  curl {url}/openapi.json         this API, for programs

In a browser the same address shows a page.
"""


def text(url, broken):
    """The cheat sheet for the server at this address, and which exercises it could not load."""
    notes = [f"\nThe exercise {name} is left out: {why}\n" for name, why in broken.items()]
    return SHEET.format(url=url) + "".join(notes)
