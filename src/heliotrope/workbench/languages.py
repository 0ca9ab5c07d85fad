"""The languages that are there, and the one that a browser asks for."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from heliotrope.report.language import ENGLISH, get_tag, list_languages, speaking

COOKIE = "heliotrope-language"


def choose_language(chosen: str, accepted: str, known: Sequence[str]) -> str:
    """Choose a language: the one set in the workbench, else the first that the browser asks for.

    >>> choose_language("", "zh-Hant-TW,zh;q=0.8,en;q=0.5", ["en", "zh_TW"])
    'zh_TW'
    >>> choose_language("en", "zh-TW", ["en", "zh_TW"])
    'en'
    """
    if chosen in known:
        return chosen
    for part in accepted.split(",")[:20]:
        asked = part.partition(";")[0].strip().lower().split("-")
        if asked[0] == ENGLISH:
            return ENGLISH
        for language in known:
            name, _, place = language.lower().partition("_")
            if asked[0] == name and (not place or place in asked or len(asked) == 1):
                return language
    return ENGLISH


class Speaking:
    """The layer in which the language of a page is set."""

    def __init__(self, app: ASGIApp, language: str | None = None) -> None:
        self._app, self._language = app, language

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request in the language it asks for."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        language = choose_language(
            _read_choice(headers) or self._language or "",
            headers.get("accept-language", ""),
            list_languages(),
        )

        async def send_labelled(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).setdefault("content-language", get_tag(language))
            await send(message)

        with speaking(language):
            await self._app(scope, receive, send_labelled)


def _read_choice(headers: Headers) -> str:
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value
    return ""
