import socket

import pytest
from yarl import URL

from bot.errors import SourceError
from bot.sources.http.guard import AddressGuard, AddressRefusedError

PRIVATE = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.254 127.0.0.1 127.1.2.3 169.254.1.1 169.254.169.254
172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.8 192.0.0.170 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1
198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1
::8.8.8.8 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 64:ff9b::127.0.0.1 64:ff9b::10.0.0.1
64:ff9b:1::8.8.8.8 100::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1 2001:db8::1
2002:7f00:1:: 2002:808:808::1 3fff::1 3fff:fff::1 4000::1 5f00::1 fc00::1 fd00::1 fd12:3456:789a::1 fe80::1
fe80::1%eth0 febf::1 fec0::1 ff02::1 ff0e::1
"""

PUBLIC = """
1.1.1.1 8.8.8.8 93.184.216.34 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 192.0.1.1 198.17.0.1 223.255.255.254
2606:4700:4700::1111 2a00:1450:4001:80b::200e 2001:4860:4860::8888 ::ffff:8.8.8.8 64:ff9b::8.8.8.8
"""


@pytest.mark.parametrize("ip", PRIVATE.split())
def test_addresses_that_are_not_public_are_refused(ip: str) -> None:
    with pytest.raises(AddressRefusedError):
        AddressGuard().check_address(ip, 443)


@pytest.mark.parametrize("ip", PUBLIC.split())
def test_public_addresses_are_allowed(ip: str) -> None:
    AddressGuard().check_address(ip, 443)


def test_only_the_usual_ports_are_used() -> None:
    guard = AddressGuard()
    for port in (80, 443, 8080, 8443):
        guard.check_address("8.8.8.8", port)
    for port in (0, 22, 25, 6379, 11211):
        with pytest.raises(AddressRefusedError):
            guard.check_address("8.8.8.8", port)


def test_a_network_the_operator_allows_is_reached_on_any_port_and_no_other_is() -> None:
    guard = AddressGuard(["10.1.0.0/16", "fd00::/8"])
    guard.check_address("10.1.2.3", 9000)
    guard.check_address("::ffff:10.1.2.3", 9000)
    guard.check_address("fd00::7", 9000)
    for ip in ("10.2.0.1", "127.0.0.1"):
        with pytest.raises(AddressRefusedError):
            guard.check_address(ip, 80)


def test_no_socket_is_made_for_an_address_that_is_refused() -> None:
    with pytest.raises(AddressRefusedError):
        AddressGuard().open_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)))
    AddressGuard(["127.0.0.0/8"]).open_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))).close()


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://127.0.0.1./", "http://[::1]/", "http://127。0。0。1/"])
def test_a_literal_address_is_judged_before_anything_is_sent(url: str) -> None:
    with pytest.raises(SourceError) as caught:
        AddressGuard().check_url(URL(url))
    assert caught.value.kind == "address"


def test_a_name_is_judged_when_it_is_connected_to_unless_a_proxy_does_that() -> None:
    guard = AddressGuard()
    for url in (
        "http://localhost/",
        "http://router.lan/",
        "http://db.internal/",
        "http://intranet/",
        "http://a.org:22/",
    ):
        guard.check_url(URL(url))
        with pytest.raises(SourceError):
            guard.check_url(URL(url), by_name=True)
    guard.check_url(URL("https://example.org/"), by_name=True)
