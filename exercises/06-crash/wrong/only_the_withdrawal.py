"""Caught by killed: the deposit has no key, and is booked again."""

import json
import os
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from celery import shared_task
from flask import Blueprint, abort, request, url_for

BANK_URL = os.environ.get("BANK_URL", "http://127.0.0.1:5006")

bp = Blueprint("transfers", __name__)


class BankError(Exception):
    """What the bank said in place of a receipt."""


@shared_task(bind=True, name="transfer")
def transfer(self, payer, payee, amount):
    """Withdraw an amount from one account and deposit it in another; return the numbers of both bookings."""
    withdrawn = book("withdraw", payer, amount, key=f"{self.request.id} withdraw")
    deposited = book("deposit", payee, amount)
    return {"withdrawn": withdrawn, "deposited": deposited}


def book(what, account, amount, key=None):
    """Let the bank book this, once for each key; returns the number of the booking."""
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Idempotency-Key"] = key
    order = json.dumps({"account": account, "amount": amount}).encode()
    try:
        with urlopen(Request(f"{BANK_URL}/{what}", order, headers), timeout=60) as answer:
            return json.load(answer)["booking"]
    except HTTPError as error:
        raise BankError(f"the bank answered {error.code} {error.reason}") from error


@bp.post("/transfers")
def start_transfer():
    """Accept {"from": "Ana", "to": "Bia", "amount": 30} and answer at once with the id of a task."""
    body = request.get_json()
    match body:
        case {"from": str(payer), "to": str(payee), "amount": int(amount)} if amount > 0 and payer != payee:
            task = transfer.delay(payer, payee, amount)
            return {"task_id": task.id, "status_url": url_for("show_status", task_id=task.id)}, 202
    abort(422, 'send two accounts and a whole amount: {"from": "Ana", "to": "Bia", "amount": 30}')
