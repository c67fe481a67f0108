"""Which addresses are public."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.web.guard import is_public
from stages.web.options import Web


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.168.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_addresses_that_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "2606:4700::1111",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::",
    ],
)
def test_addresses_that_are_public(address):
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_is_as_public_when_it_is_wrapped_into_an_ipv6_address(ip):
    for prefix in ("::ffff:", "64:ff9b::"):
        assert is_public(f"{prefix}{ip}") == is_public(str(ip))
    sixtofour = ipaddress.IPv6Address((0x2002 << 112) | (int(ip) << 80))
    assert is_public(str(sixtofour)) == is_public(str(ip))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attempts": 0}, "web.attempts must be above 0"),
        ({"timeout_s": float("inf")}, "web.timeout_s must be above 0"),
        ({"backoff_s": -1.0}, "web.backoff_s must not be below 0"),
        ({"contact": "me\r\nHost: x"}, "web.contact must be printable ASCII"),
        ({"agent": "quern 1.0"}, "web.agent must be letters"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Web(**options)
