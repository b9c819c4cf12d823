"""Which addresses a tool may reach."""

import socket

import pytest

from voicekit.config.addresses import is_public
from voicekit.runtime.network import PrivateAddressError, public_socket


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("64:ff9b::5db8:d822", True),
        *((address, False) for address in (
            "127.0.0.1", "0.0.0.0", "10.1.2.3",  # noqa: S104 - bound to nothing
            "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
            "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:10.0.0.1",
            "::127.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1",
        )),
    ],
)  # fmt: skip
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_the_address_that_is_checked_is_the_one_that_is_connected_to() -> None:
    with public_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 80))) as opened:
        assert opened.family is socket.AF_INET
    with pytest.raises(PrivateAddressError):
        public_socket((socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 80, 0, 0)))
