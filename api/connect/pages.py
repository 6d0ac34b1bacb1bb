"""What a person sees who connects an account: short pages that work without script.

title, message, hint -> show -> page, or JSON for a program that asks for it
"""

from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api.pages.rendering import render
from ingestion.connecting import Choosing

__all__ = ["show", "show_choice"]

_HEADERS: Final = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def show(request: Request, status: int, code: str, title: str, message: str, hint: str) -> Response:
    """A page of a few sentences.

    Args:
        request: A program that prefers JSON gets an object with `code`, `title` and `text`.
        status: HTTP status.
        code: For programs.
        title: What has happened.
        message: What it means.
        hint: What to do; empty: nothing.
    """
    if _wants_json(request):
        text = " ".join(sentence for sentence in (message, hint) if sentence)
        body = orjson.dumps({"code": code, "title": title, "text": text})
        return Response(body, status, _HEADERS, media_type="application/json")
    return render("message.html", status=status, title=title, message=message, hint=hint)


def show_choice(choosing: Choosing) -> Response:
    """A form with the accounts that a consent reaches."""
    return render(
        "connect_choice.html",
        title=f"{choosing.source.label}: choose an account",
        question=f"Which {choosing.source.account.label} shall be connected?",
        ticket=choosing.ticket,
        accounts=choosing.accounts,
    )


def _wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted
