"""Who may ask the workbench for anything: only the browser that was shown its address.

Everything is refused unless it is proven: the host is the loopback's (a web page that rebinds its
own name to 127.0.0.1 calls it by that name), the request comes from a page of the workbench or
from the address bar, the cookie is the session's, and a request that changes something carries the
token of a form. All that is checked before a byte of the body is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from heliotrope.report.language import _
from heliotrope.workbench.keys import Keys

SAFE_METHODS = ("GET", "HEAD")
UNSAFE_METHODS = ("POST",)
OWN_SITE = ("same-origin", "none")

MOST_BYTES = 4 * 1024**2
MOST_UPLOADED_BYTES = 512 * 1024**2
UPLOADS = ("/upload", "/files")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

HEADERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class TooLargeError(Exception):
    """More was sent than may be."""


@dataclass(frozen=True)
class Refusal:
    """Why a request gets nothing."""

    status: int
    message: str

    def make_response(self) -> Response:
        """Say it in a page of one sentence."""
        html = (
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>heliotrope</title>'
            f"</head><body><main><h1>{self.status}</h1><p>{escape(self.message)}</p></main></body>"
            "</html>"
        )
        return Response(html, self.status, media_type="text/html")


class Guard:
    """The outermost layer: lets through what is proven, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    found.setdefault(name, value)
            await send(message)

        answer = self._refuse(scope, headers) or self._exchange(scope)
        if answer is None:
            refusal = self._refuse_stranger(scope, headers)
            answer = None if refusal is None else refusal.make_response()
        elif isinstance(answer, Refusal):
            answer = answer.make_response()
        if answer is not None:
            await answer(scope, receive, send_guarded)
            return
        await self._pass_on(scope, receive, send_guarded)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, its body counted: a length that is not announced is limited, too."""
        left = _find_limit(scope["path"])

        async def receive_counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise TooLargeError
            return message

        await self._app(scope, receive_counted, send)

    def _refuse(self, scope: Scope, headers: Headers) -> Refusal | None:
        """Refuse what comes from elsewhere, whatever it carries."""
        if scope["method"] not in (*SAFE_METHODS, *UNSAFE_METHODS):
            return Refusal(405, _("This is not how the workbench is asked."))
        if headers.getlist("host") not in [[host] for host in self._keys.hosts]:
            return Refusal(421, _("The workbench answers only to its own address."))
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        is_foreign = site is not None and site not in OWN_SITE
        # A page without referrer sends "null" as the origin of its own forms.
        is_strange = origin is not None and origin not in (*self._keys.origins, "null")
        if is_foreign or is_strange:
            return Refusal(
                403, _("Another page asked for this. The workbench answers only its own.")
            )
        # A browser that does not say which site it is on must name its own origin.
        is_own = site == "same-origin" or (site is None and origin in self._keys.origins)
        if scope["method"] in UNSAFE_METHODS and not is_own:
            return Refusal(403, _("Only a page of the workbench may change something."))
        return None

    def _exchange(self, scope: Scope) -> Response | None:
        """Exchange the token of the address for a cookie, and take it out of the address."""
        query = parse_qs(scope["query_string"].decode("latin-1"))
        given = query.get("token", [])
        if scope["path"] != "/" or scope["method"] != "GET" or len(given) != 1:
            return None
        if not self._keys.is_equal(given[0], "token"):
            return None
        response = RedirectResponse("/", 303)
        response.set_cookie(
            self._keys.cookie, self._keys.session, httponly=True, samesite="strict", path="/"
        )
        return response

    def _refuse_stranger(self, scope: Scope, headers: Headers) -> Refusal | None:
        """Refuse who has no session, and what changes something without a form's token."""
        if not self._keys.is_equal(_read_cookie(headers, self._keys.cookie), "session"):
            return Refusal(
                403, _("Open the workbench by the whole address that the terminal shows.")
            )
        if scope["method"] in SAFE_METHODS:
            return None
        query = parse_qs(scope["query_string"].decode("latin-1"))
        given = query.get("csrf", [""])
        if len(given) != 1 or not self._keys.is_equal(given[0], "csrf"):
            return Refusal(
                403, _("This form is from an earlier start of the workbench. Load the page again.")
            )
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > _find_limit(scope["path"]):
            return say_too_large(scope["path"])
        return None


def _find_limit(path: str) -> int:
    return MOST_UPLOADED_BYTES if path.endswith(UPLOADS) else MOST_BYTES


def say_too_large(path: str) -> Refusal:
    """Say how much may be sent to an address."""
    most = _find_limit(path) // 1024**2
    text = _(
        "At most {most} MB may be sent at once; nothing was kept. "
        "Open a larger study by its folder instead."
    )
    return Refusal(413, text.format(most=most))


def _read_cookie(headers: Headers, name: str) -> str:
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load("; ".join(headers.getlist("cookie")))
    except CookieError:
        return ""
    return cookies[name].value if name in cookies else ""
