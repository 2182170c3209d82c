"""Who may use the server, and how often: checks before any route, and headers of every response.

Host against DNS rebinding, Origin and Sec-Fetch-Site against other sites in the user's browser, API keys and one-time
tokens, requests a second of one client.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wallpaint.serve.problems import ProblemResponse, plain_problem
from wallpaint.serve.settings import ServeSettings

COOKIE = "wallpaint_session"
TOKEN_PARAMETER = "token"
MAX_CLIENTS = 10_000  # whose rate is remembered
HEALTH_PATH = "/api/v1/health"
CONTENT_SECURITY_POLICY = "; ".join(
    (
        *("default-src 'self'", "img-src 'self' blob: data:", "connect-src 'self'", "worker-src 'self' blob:"),
        *("object-src 'none'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"),
    )
)
RESPONSE_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
}


class Sessions:
    """One-time tokens, and the sessions of the browsers that have presented one. on_use: called after each use."""

    def __init__(self, on_use: Callable[[], None] = lambda: None) -> None:
        self._tokens: set[str] = set()
        self._sessions: set[str] = set()
        self.on_use = on_use

    def new_token(self) -> str:
        """Return a token that admits one browser."""
        token = secrets.token_urlsafe(16)
        self._tokens.add(token)
        return token

    def redeem(self, token: str) -> str | None:
        """Exchange a token for a session; None if it is unknown or was used before."""
        if token not in self._tokens:
            return None
        self._tokens.discard(token)
        session = secrets.token_urlsafe(32)
        self._sessions.add(session)
        self.on_use()
        return session

    def __contains__(self, session: object) -> bool:
        return session in self._sessions


class RateLimiter:
    """A token bucket for each client."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, client: str) -> float:
        """Take one request from a client's bucket: 0 if it may proceed, else the seconds until it may."""
        now = self._clock()
        level, last = self._buckets.pop(client, (float(self._burst), now))
        level = min(self._burst, level + (now - last) * self._rate)
        allowed = level >= 1
        self._buckets[client] = (level - allowed, now)
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - level) / self._rate


class SecurityMiddleware:
    """The checks, in the order of their cost; a refusal is a problem."""

    def __init__(self, app: ASGIApp, settings: ServeSettings, sessions: Sessions) -> None:
        self.app, self.settings, self.sessions = app, settings, sessions
        self.hosts = {name.casefold() for name in settings.allowed_hosts}
        self.limiter = RateLimiter(settings.rate, settings.burst)
        self.key_digests = [_digest(key) for key in settings.api_keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request, then run the app."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no web sockets
            await send({"type": "websocket.close", "code": 1008})
            return

        is_replaced = False

        async def send_with_headers(message: Message) -> None:
            nonlocal is_replaced
            if is_replaced:  # by a problem, which has been sent whole
                return
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if message["status"] >= 400 and headers.get("content-type", "").startswith("text/plain"):
                    response = plain_problem(HTTPStatus(message["status"]))
                    await response(scope, receive, send_with_headers)
                    is_replaced = True
                    return
                for name, value in RESPONSE_HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/api/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        app = self.app if refusal is None else refusal
        await app(scope, self._in_time(receive), send_with_headers)

    def _in_time(self, receive: Receive) -> Receive:
        """Return a function that receives as `receive` does, and raises HTTPException if the body comes too slowly."""
        limit_s, is_complete = self.settings.body_idle_s, False

        async def receive_in_time() -> Message:
            nonlocal is_complete
            if is_complete:  # it waits for the client to disconnect
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), limit_s)
            except TimeoutError:
                detail = f"no data of the request's body for {limit_s:g} s: send it again"
                raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, detail, {"Connection": "close"}) from None
            is_complete = not message.get("more_body", False)
            return message

        return receive_in_time

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        host = headers.get("host", "")
        if hostname(host) not in self.hosts:
            detail = "this server is not known by this name: use its address, or allow the name with `allowed_hosts`"
            return ProblemResponse(HTTPStatus.MISDIRECTED_REQUEST, detail)
        if is_foreign(host, headers):
            return ProblemResponse(HTTPStatus.FORBIDDEN, "requests of pages of other sites are refused")
        client = scope["client"][0] if scope.get("client") else ""
        if (wait_s := self.limiter.wait_s(client)) > 0:
            detail = f"too many requests: at most {self.settings.rate:g} a second are answered"
            return ProblemResponse(HTTPStatus.TOO_MANY_REQUESTS, detail, headers={"Retry-After": str(int(wait_s) + 1)})
        return self._authentication_refusal(scope, headers)

    def _authentication_refusal(self, scope: Scope, headers: Headers) -> Response | None:
        if scope["path"] == HEALTH_PATH or not (self.key_digests or self.settings.tokens_required):
            return None
        if self.key_digests and self._has_key(headers.get("authorization", "")):
            return None
        if not self.settings.tokens_required:
            challenge = 'Bearer realm="wallpaint", Basic realm="wallpaint: any name, the API key as password"'
            detail = "an API key is needed: send it as `Authorization: Bearer KEY`"
            return ProblemResponse(HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": challenge})
        if _session(headers.get("cookie", "")) in self.sessions:
            return None
        token = parse_qs(scope["query_string"].decode("latin-1")).get(TOKEN_PARAMETER, [""])[0]
        session = self.sessions.redeem(token) if scope["path"] == "/" and scope["method"] == "GET" else None
        if session is not None:
            response = RedirectResponse("/", HTTPStatus.SEE_OTHER)
            response.set_cookie(COOKIE, session, httponly=True, samesite="strict", path="/")
            return response
        detail = "open the address that the server has printed: each address admits one browser"
        return ProblemResponse(HTTPStatus.UNAUTHORIZED, detail)

    def _has_key(self, authorization: str) -> bool:
        scheme, _, credentials = authorization.partition(" ")
        key = credentials.strip()
        if scheme.casefold() == "basic":
            try:
                key = base64.b64decode(key, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return False
        elif scheme.casefold() != "bearer":
            return False
        digest = _digest(key)
        return any(hmac.compare_digest(digest, known) for known in self.key_digests)


def hostname(host: str) -> str:
    """Return the name in a Host header, without port and brackets; empty if it is malformed."""
    if any(letter in host for letter in "/@\\?# ") or not host.isascii():
        return ""
    try:
        return (urlsplit(f"//{host}").hostname or "").casefold()
    except ValueError:
        return ""


def is_foreign(host: str, headers: Headers) -> bool:
    """Return whether a request comes from a page of another origin. The scheme may be that of a proxy."""
    origin = headers.get("origin")
    if origin is not None:
        scheme, _, name = origin.casefold().partition("://")
        return scheme not in ("http", "https") or name != host.casefold()
    site = headers.get("sec-fetch-site")
    is_navigation = headers.get("sec-fetch-mode") == "navigate"
    return site in ("cross-site", "same-site") and not is_navigation


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _session(cookies: str) -> str:
    try:
        morsel = SimpleCookie(cookies).get(COOKIE)
    except CookieError:
        return ""
    return "" if morsel is None else morsel.value
