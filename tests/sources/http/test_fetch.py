import asyncio
import gzip
import shutil
import socket
import ssl
import struct
import subprocess
import time
import tracemalloc
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.errors import SourceError
from bot.messages.source_troubles import explain
from bot.models import Validators
from bot.sources.http.fetch import Fetcher, Lanes
from bot.sources.http.guard import AddressGuard
from bot.sources.http.resolve import Resolver
from tests.feedserver import FeedServer, Request, item, rss

LOOPBACK = AddressGuard(["127.0.0.0/8"])
MIB = 1 << 20


@pytest.fixture
async def server() -> AsyncIterator[FeedServer]:
    async with FeedServer() as server:
        yield server


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    async with Fetcher(LOOPBACK, timeout=timedelta(seconds=1), max_bytes=MIB) as fetcher:
        yield fetcher


async def failure(fetcher: Fetcher, url: str, validators: Validators | None = None) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await fetcher.fetch(url, validators)
    assert explain(caught.value).endswith(".")
    return caught.value


class Answers(AbstractResolver):
    """Answers each question with the next list of addresses, the last one for ever."""

    is_closed = False

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0, flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]  # fmt: skip

    async def close(self) -> None:
        self.is_closed = True


async def test_a_feed_is_fetched_with_what_is_needed_to_ask_again(server: FeedServer, fetcher: Fetcher) -> None:
    server.serve("/a.xml", rss([item("One")]), headers={"Cache-Control": "max-age=600", "Last-Modified": "then"})
    fetched = await fetcher.fetch(server.url("/a.xml"))
    assert fetched.body == rss([item("One")])
    assert fetched.url == server.url("/a.xml")
    assert fetched.permanent_url is None
    assert fetched.content_type == "application/rss+xml; charset=utf-8"
    assert fetched.validators.etag
    assert fetched.validators.last_modified == "then"
    assert fetched.fresh_for == timedelta(minutes=10)
    assert server.requests[0].headers["user-agent"] == "Watchword"
    assert server.requests[0].headers["accept"].startswith("application/atom+xml, application/rss+xml")
    assert server.requests[0].headers["accept-encoding"] == "gzip, deflate"


async def test_what_has_not_changed_is_not_sent_again(server: FeedServer, fetcher: Fetcher) -> None:
    server.serve("/a.xml", rss([item("One")]))
    first = await fetcher.fetch(server.url("/a.xml"))
    second = await fetcher.fetch(server.url("/a.xml"), first.validators)
    assert second.not_modified
    assert second.body == b""
    assert second.validators == first.validators
    server.serve("/a.xml", rss([item("Two"), item("One")]))
    third = await fetcher.fetch(server.url("/a.xml"), second.validators)
    assert not third.not_modified
    assert b"Two" in third.body
    assert third.body_hash != first.body_hash


async def test_a_304_nobody_asked_for_is_an_error(server: FeedServer, fetcher: Fetcher) -> None:
    server.serve("/a.xml", b"", status=304)
    assert (await failure(fetcher, server.url("/a.xml"))).kind == "http"


async def test_a_port_where_nobody_listens_is_told_as_a_server_that_is_not_reached(fetcher: Fetcher) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = await failure(fetcher, f"http://127.0.0.1:{unused.getsockname()[1]}/")
    assert (error.kind, explain(error)) == ("connect", "The server could not be reached.")


async def test_its_resolver_ends_with_a_fetcher() -> None:
    resolver = Answers(["127.0.0.1"])
    async with Fetcher(LOOPBACK, resolver=resolver):
        assert not resolver.is_closed
    assert resolver.is_closed


async def test_a_connection_that_is_reset_is_told_as_one_that_was_closed(server: FeedServer, fetcher: Fetcher) -> None:
    async def reset(request: Request, writer: asyncio.StreamWriter) -> None:
        at_once = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST, as firewalls do
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        writer.transport.abort()

    server.serve_raw("/a", reset)
    error = await failure(fetcher, server.url("/a"))
    assert (error.kind, explain(error)) == ("connect", "The server closed the connection without an answer.")


@pytest.mark.parametrize("status", [301, 308, 302, 303, 307])
async def test_a_redirect_is_followed_and_adopted_only_if_permanent(
    server: FeedServer, fetcher: Fetcher, status: int
) -> None:
    server.redirect("/old", "/new?x=1", status)
    server.serve("/new", rss([]))
    with structlog.testing.capture_logs() as logs:
        fetched = await fetcher.fetch(server.url("/old"))
    assert logs == []  # a warning is for a way that leaves https
    assert fetched.url == server.url("/new?x=1")
    assert fetched.permanent_url == (fetched.url if status in {301, 308} else None)


@pytest.mark.parametrize(("status", "follows"), [(301, False), (302, False), (303, False), (307, True), (308, True)])
async def test_a_form_is_posted_again_only_where_it_stays_a_post(
    server: FeedServer, fetcher: Fetcher, status: int, follows: bool
) -> None:
    server.redirect("/old", "/new", status)
    server.serve("/new", b"")
    if follows:
        await fetcher.post(server.url("/old"), {"hub.mode": "subscribe"})
    else:
        with pytest.raises(SourceError):
            await fetcher.post(server.url("/old"), {"hub.mode": "subscribe"})
    assert server.hits("/new") == follows
    posted = [request.headers for request in server.requests]
    assert {headers["content-type"] for headers in posted} == {"application/x-www-form-urlencoded"}
    assert {headers["content-length"] for headers in posted} == {str(len("hub.mode=subscribe"))}


async def test_a_form_is_not_posted_over_http_to_a_host_that_is_only_named(
    server: FeedServer, fetcher: Fetcher
) -> None:
    server.serve("/a", b"")
    server.redirect("/away", server.url("/a", host="localhost"), 307)
    for url in (server.url("/a", host="localhost"), server.url("/away")):
        with pytest.raises(SourceError):
            await fetcher.post(url, {"hub.secret": "x"})
    assert server.hits("/a") == 0


async def test_one_temporary_redirect_on_the_way_makes_the_whole_way_temporary(
    server: FeedServer, fetcher: Fetcher
) -> None:
    server.redirect("/a", "/b", 301)
    server.redirect("/b", "/c", 302)
    server.serve("/c", rss([]))
    assert (await fetcher.fetch(server.url("/a"))).permanent_url is None


async def test_a_redirect_loop_ends(server: FeedServer, fetcher: Fetcher) -> None:
    server.redirect("/a", "/b")
    server.redirect("/b", "/a")
    assert (await failure(fetcher, server.url("/a"))).kind == "redirect"
    assert server.hits("/a") + server.hits("/b") == 6


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "ftp://example.org/", "gopher://x/", "", "http://", "http://u:p@127.0.0.1/", "//0x7f.1/",
     "http://good.example\\@127.0.0.1/", "javascript:alert(1)", "http://[::1", "http://x:99999/"],
)  # fmt: skip
async def test_a_redirect_to_anything_odd_is_refused(server: FeedServer, fetcher: Fetcher, location: str) -> None:
    server.redirect("/a", location)
    assert (await failure(fetcher, server.url("/a"))).kind == "redirect"


@pytest.mark.parametrize("to", ["http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[::1]:80/"])
async def test_a_redirect_into_a_private_network_is_refused(server: FeedServer, fetcher: Fetcher, to: str) -> None:
    server.redirect("/a", to, 301)
    assert (await failure(fetcher, server.url("/a"))).kind == "address"


async def test_a_private_address_is_never_connected_to(server: FeedServer) -> None:
    server.serve("/a.xml", rss([]))
    async with Fetcher(AddressGuard()) as fetcher:
        assert (await failure(fetcher, server.url("/a.xml"))).kind == "address"
        assert (await failure(fetcher, server.url("/a.xml", host="localhost"))).kind == "address"
    assert server.requests == []


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"], ["10.0.0.1", "::1"]])
async def test_a_name_with_private_addresses_is_refused(server: FeedServer, addresses: list[str]) -> None:
    async with Fetcher(AddressGuard(), resolver=Answers(addresses)) as fetcher:
        assert (await failure(fetcher, "http://rebound.example/")).kind == "address"
    assert server.requests == []


async def test_of_a_mixed_answer_only_the_allowed_address_is_used(server: FeedServer) -> None:
    server.serve("/a.xml", rss([]))
    async with Fetcher(AddressGuard(["127.0.0.1/32"]), resolver=Answers(["10.0.0.1", "127.0.0.1"])) as fetcher:
        fetched = await fetcher.fetch(server.url("/a.xml", host="mixed.example"))
    assert fetched.body == rss([])


async def test_a_name_that_is_rebound_between_hops_is_judged_again(server: FeedServer) -> None:
    server.redirect("/a", f"http://other.example:{server.port}/b")
    async with Fetcher(AddressGuard(["127.0.0.1/32"]), resolver=Answers(["127.0.0.1"], ["127.0.0.2"])) as fetcher:
        assert (await failure(fetcher, server.url("/a", host="first.example"))).kind == "address"
    assert server.hits("/b") == 0


async def test_nobody_there_is_said_so(fetcher: Fetcher) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        assert (await failure(fetcher, url)).kind == "connect"


async def test_a_name_that_does_not_exist_is_said_so() -> None:
    class Nobody(Answers):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
        ) -> list[ResolveResult]:
            raise OSError(None, "no such name")

    async with Fetcher(LOOPBACK, resolver=Nobody([])) as fetcher:
        assert (await failure(fetcher, "http://nowhere.example/")).kind == "dns"


async def test_a_failed_handshake_is_a_tls_error_and_never_plain_http(fetcher: Fetcher) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<rss/>")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert (await failure(fetcher, f"https://127.0.0.1:{port}/")).kind == "tls"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command, to make a certificate")
async def test_a_certificate_nobody_vouches_for_is_refused(fetcher: Fetcher, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout {key} -out {certificate}"
    subprocess.run(command.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    asked = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        assert (await failure(fetcher, f"https://127.0.0.1:{port}/")).kind == "tls"
    assert not asked.is_set()


async def test_silence_ends_at_the_deadline(server: FeedServer, fetcher: Fetcher) -> None:
    server.hang("/a")
    assert (await failure(fetcher, server.url("/a"))).kind == "timeout"


async def test_a_dripping_body_ends_at_the_deadline(server: FeedServer, fetcher: Fetcher) -> None:
    server.drip("/a", rss([item("One")]))
    started = time.monotonic()
    assert (await failure(fetcher, server.url("/a"))).kind == "timeout"
    assert time.monotonic() - started < 2


async def test_dripping_headers_end_at_the_deadline(server: FeedServer, fetcher: Fetcher) -> None:
    async def drop_by_drop(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(400):
            writer.write(b"X-%d: y\r\n" % number)
            await writer.drain()
            await asyncio.sleep(0.05)

    server.serve_raw("/a", drop_by_drop)
    assert (await failure(fetcher, server.url("/a"))).kind == "timeout"


async def test_slow_hops_share_one_deadline(server: FeedServer, fetcher: Fetcher) -> None:
    async def slowly(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.4)
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n")

    server.serve_raw("/a", slowly)
    assert (await failure(fetcher, server.url("/a"))).kind == "timeout"
    assert server.hits("/a") == 3


@pytest.mark.parametrize("announced", [True, False])
async def test_fifty_megabytes_are_not_read(server: FeedServer, fetcher: Fetcher, announced: bool) -> None:
    crossed, piece, broken_off = 0, bytes(64 * 1024), asyncio.Event()

    async def flood(request: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal crossed
        length = f"Content-Length: {50 * MIB}\r\n" if announced else ""
        writer.write(f"HTTP/1.1 200 OK\r\n{length}Connection: close\r\n\r\n".encode())
        try:
            for _ in range(50 * MIB // len(piece)):
                writer.write(piece)
                await writer.drain()
                crossed += len(piece)
        finally:
            broken_off.set()

    server.serve_raw("/a", flood)
    assert (await failure(fetcher, server.url("/a"))).kind == "too-large"
    await broken_off.wait()
    assert crossed < 20 * MIB  # the limit of one, and what the kernel's buffers held when the connection was closed


async def test_a_gzip_bomb_takes_little_memory(server: FeedServer, fetcher: Fetcher) -> None:
    server.serve("/a", gzip.compress(bytes(200 * MIB)), headers={"Content-Encoding": "gzip"})
    tracemalloc.start()
    assert (await failure(fetcher, server.url("/a"))).kind == "too-large"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * MIB


async def test_a_compressed_body_is_decoded(server: FeedServer, fetcher: Fetcher) -> None:
    for encoding in ("gzip", "identity\r\nContent-Encoding: gzip"):
        server.serve("/a", gzip.compress(rss([item("One")])), headers={"Content-Encoding": encoding})
        assert (await fetcher.fetch(server.url("/a"))).body == rss([item("One")])


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "gzip\r\nContent-Encoding: gzip"])
async def test_nested_and_unknown_encodings_are_refused(server: FeedServer, fetcher: Fetcher, encoding: str) -> None:
    server.serve("/a", gzip.compress(gzip.compress(b"<rss/>")), headers={"Content-Encoding": encoding})
    assert (await failure(fetcher, server.url("/a"))).kind == "encoding"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, "blocked"), (403, "blocked"), (407, "blocked"), (451, "blocked"), (404, "http"), (410, "gone"),
     (429, "http"), (500, "http"), (503, "http"),
     (204, "http"), (206, "http"), (226, "http"), (600, "http")],
)  # fmt: skip
async def test_each_status_has_its_class(server: FeedServer, fetcher: Fetcher, status: int, kind: str) -> None:
    server.serve("/a", b"", status=status)
    assert (await failure(fetcher, server.url("/a"))).kind == kind


async def test_a_challenge_is_a_block_and_retry_after_is_passed_on(server: FeedServer, fetcher: Fetcher) -> None:
    server.serve("/a", b"", status=503, headers={"cf-mitigated": "challenge", "Retry-After": "7200"})
    error = await failure(fetcher, server.url("/a"))
    assert error.kind == "blocked"
    assert error.retry_after == timedelta(hours=2)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n<rss/>",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n<rss/>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n<rss/>",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n<rss/>",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"\r\n<rss/>",
        b"HTTP/1.1 301 Moved\r\nLocation: /\xff\xfe\x00\r\n\r\n",
    ],
)
async def test_broken_http_is_an_error_of_this_source_only(server: FeedServer, fetcher: Fetcher, data: bytes) -> None:
    server.send("/a", data)
    server.serve("/b", rss([]))
    assert (await failure(fetcher, server.url("/a"))).kind in {"http", "connect", "redirect", "url"}
    assert (await fetcher.fetch(server.url("/b"))).body == rss([])


async def test_an_http_1_0_answer_is_read(server: FeedServer, fetcher: Fetcher) -> None:
    server.send("/a", b"HTTP/1.0 200 OK\r\n\r\n<rss/>")
    assert (await fetcher.fetch(server.url("/a"))).body == b"<rss/>"


async def test_an_empty_body_is_an_answer(server: FeedServer, fetcher: Fetcher) -> None:
    server.serve("/a", b"")
    assert (await fetcher.fetch(server.url("/a"))).body == b""


async def test_cookies_are_not_kept(server: FeedServer, fetcher: Fetcher) -> None:
    server.serve("/a", rss([]), headers={"Set-Cookie": "id=7; Path=/"})
    await fetcher.fetch(server.url("/a"))
    await fetcher.fetch(server.url("/a"))
    assert "cookie" not in server.requests[1].headers


async def test_a_proxy_in_the_environment_is_ignored(
    server: FeedServer, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server.serve("/a", rss([]))
    assert (await fetcher.fetch(server.url("/a"))).body == rss([])


async def test_a_configured_proxy_is_asked_and_private_addresses_are_not_named_to_it(server: FeedServer) -> None:
    async def as_proxy(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<rss/>")

    server.serve_raw("http://news.example/feed", as_proxy)
    async with Fetcher(AddressGuard(), proxy=server.url("/")) as fetcher:
        assert (await fetcher.fetch("http://news.example/feed")).body == b"<rss/>"
        for url in ("http://10.0.0.1/", "http://localhost/", "http://news.example:22/"):
            assert (await failure(fetcher, url)).kind == "address"
    assert len(server.requests) == 1


async def test_a_host_is_asked_twice_at_once_and_no_more(server: FeedServer, fetcher: Fetcher) -> None:
    running = most = 0

    async def counted(request: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<rss/>")

    for number in range(10):
        server.serve_raw(f"/{number}", counted)
    async with asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(fetcher.fetch(server.url(f"/{number}")))
    assert most == 2


async def test_servers_that_hang_do_not_hold_up_others(server: FeedServer) -> None:
    server.hang("/a")
    server.serve("/b", rss([]))
    async with Fetcher(AddressGuard(["127.0.0.0/8", "::1"]), at_once=100) as fetcher:
        hanging = [asyncio.create_task(fetcher.fetch(server.url("/a"))) for _ in range(200)]
        await asyncio.sleep(0)
        started = time.monotonic()
        assert (await fetcher.fetch(server.url("/b", host="localhost"))).body == rss([])
        assert time.monotonic() - started < 1
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)


async def test_no_lane_is_kept_for_a_host_nobody_waits_for() -> None:
    lanes = Lanes(2)
    async with lanes.turn("a"), lanes.turn("a"), lanes.turn("b"):
        assert set(lanes._lanes) == {"a", "b"}
    assert lanes._lanes == {}


async def test_of_a_host_with_broken_ipv6_the_address_that_answers_is_used(server: FeedServer) -> None:
    server.serve("/a.xml", rss([]))
    guard = AddressGuard(["127.0.0.0/8", "::1/128"])
    async with Fetcher(guard, resolver=Answers(["::1", "127.0.0.1"])) as fetcher:
        assert (await fetcher.fetch(server.url("/a.xml", host="both.example"))).body == rss([])


async def test_names_are_looked_up_by_the_system_in_threads_of_their_own() -> None:
    resolver = Resolver(threads=1)
    found = await resolver.resolve("localhost", 80)
    assert {one["host"] for one in found} == {"127.0.0.1"}
    assert {one["port"] for one in found} == {80}
    with pytest.raises(OSError, match=r".+"):
        await resolver.resolve("no-such-host.invalid", 80)
    await resolver.close()
