"""Loopback guard: recognises addresses of this machine, and refuses requests from other hosts and sites."""

import errno
import ipaddress
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_loopback(host: str) -> bool:
    """Return whether a host name or IP address is a loopback one."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_loopback_url(url: str) -> bool:
    """Return whether a URL is http(s) to this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and is_loopback(parts.hostname or "")


async def listen(runner: web.AppRunner, host: str, port: int, tries: int = 1) -> int:
    """Listen on `port` (0: any), or the next free one among `tries`; return it. Raises OSError with a full sentence."""
    for candidate in range(port, port + tries):
        try:
            await web.TCPSite(runner, host, candidate, backlog=1024).start()
            break
        except OSError as error:
            if error.errno != errno.EADDRINUSE or candidate + 1 == port + tries:
                why = f"Port {candidate} on {host} cannot be used: {error.strerror}"
                raise OSError(error.errno, why) from error
    return int(runner.addresses[0][1])


@web.middleware
async def only_this_machine(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests whose Host or Origin is not this server's.

    A page in the user's browser must not use the sandbox: not through a name that resolves to 127.0.0.1 (DNS
    rebinding, seen in Host), nor by posting to it (cross-site request forgery, seen in Origin).
    """
    try:
        host = urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
    except ValueError:
        host = ""
    if not is_loopback(host):
        return _refused("This server is for this machine only: call it 127.0.0.1.")
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"http://{request.headers['Host']}":
        return _refused("This server does not answer pages of other sites.")
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and not _is_link_to_page(request):
        return _refused("This server does not answer pages of other sites.")
    return await handler(request)


def _is_link_to_page(request: web.Request) -> bool:
    """Return whether the request is a link followed to a read-only page: from a README, or from localhost."""
    kind = request.headers.get("Sec-Fetch-Mode"), request.headers.get("Sec-Fetch-Dest")
    return kind == ("navigate", "document") and (request.path == "/" or request.path.startswith("/story/"))


def _refused(words: str) -> web.Response:
    return web.json_response({"ok": False, "error_code": 403, "description": f"Forbidden: {words}"}, status=403)
