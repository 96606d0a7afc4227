"""Parameters of an arrival are read whatever their case, and a ReturnUrl has exactly one reading."""

from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.domain.messages import Language
from gateway.pages.arrival import (
    Origin,
    Parameters,
    origin_of,
    read_parameters,
    return_host,
    return_url_allowed,
)

REGISTERED = ("https://service.example", "https://other.example:8443", "http://localhost")


@pytest.mark.parametrize(
    "url",
    [
        "https://service.example",
        "https://service.example/",
        "https://service.example/a/b?c=d&e=%20f#g",
        "HTTPS://Service.Example:443/x",
        "https://service.example?x=@evil.example",
        "https://other.example:8443/x",
        "https://other.example:08443/x",
        "http://localhost/x",
        "http://localhost:5000/x",
        "http://LOCALHOST:1/",
    ],
)
def test_an_address_on_a_registered_origin_is_allowed(url):
    """Whatever its path, and however its origin is spelt."""
    assert return_url_allowed(url, REGISTERED)


REFUSED = [
    "",
    "/x",
    "//service.example/x",
    "service.example",
    "https://",
    "https:service.example",
    "https:/service.example/",
    "https:///service.example/",
    "https://service.example.evil.example/",
    "https://evil.example/https://service.example",
    "https://evil.example?https://service.example/",
    "https://evil.example#https://service.example/",
    "https://service.example@evil.example/",
    "https://service.example:443@evil.example/",
    "https://user:password@service.example/",
    "https://evil.example\\@service.example/",
    "https://service.example\\.evil.example/",
    "https:\\\\service.example/",
    "https://service.example\t/",
    "https://service.example/\r\nSet-Cookie: a=b",
    "\thttps://service.example/",
    " https://service.example/",
    "https://service.example/ ",
    "https://service.example/\x00",
    "https://service.example\u3002evil.example/",
    "https://\uff53ervice.example/",
    "http\u017f://service.example/",
    "https://service.example/\u202e",
    "https://%73ervice.example/",
    "https://service.example.",
    "https://service.example.:443/",
    "https://service.example:",
    "https://service.example:0/",
    "https://service.example:65536/",
    "https://service.example:8443/",
    "https://service.example:4\u0664\u0663/",
    "https://other.example/",
    "http://service.example/",
    "https://localhost/",
    "https://localhost:5000/",
    "http://localhost.evil.example/",
    "http://127.0.0.1:5000/",
    "javascript:alert(1)",
    "javascript://service.example/%0aalert(1)",
    "data:text/html,x",
    "ftp://service.example/",
    "blob:https://service.example/x",
    "view-source:https://service.example/",
    "https://service.example;evil.example/",
    "https://[::1]/",
    "https://service.example/" + "a" * 2048,
]


@pytest.mark.parametrize("url", REFUSED)
def test_an_address_that_might_lead_elsewhere_is_refused(url):
    """Open redirects, and everything that two programs might read differently."""
    assert not return_url_allowed(url, REGISTERED)


_ADDRESS_PIECES = ("https:", "http:", "javascript:", "service.example", "evil.example", "localhost", "443", "user", "0")
_SEPARATORS = ("//", "/", "\\", "@", ":", "#", "?", ".", ";", "[", "]", "%2f", "%40", "\t", "\n", " ", "\u3002")
_PIECES = st.sampled_from(_ADDRESS_PIECES + _SEPARATORS)


@given(st.one_of(st.lists(_PIECES, max_size=9).map("".join), st.text(max_size=60)))
@example("https://service.example/")
def test_whatever_is_allowed_lies_on_a_registered_origin(url):
    """An independent reading of every accepted address finds a registered host, and nothing invisible."""
    if not return_url_allowed(url, REGISTERED):
        return
    parts = urlsplit(url)
    assert parts.username is None
    assert parts.password is None
    assert (parts.scheme, parts.hostname, parts.port or 443) in {
        ("https", "service.example", 443),
        ("https", "other.example", 8443),
    } or (parts.scheme, parts.hostname) == ("http", "localhost")
    assert url.isascii()
    assert url.isprintable()
    assert not set(url) & set("\\ ")


@given(
    st.sampled_from(REGISTERED),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\\"), max_size=80),
)
def test_every_printable_path_on_a_registered_origin_is_allowed(origin, path):
    """Consumers' own addresses are none of our business."""
    assert return_url_allowed(f"{origin}/{path}", REGISTERED)


def test_none_registered_none_allowed():
    """Decision 11."""
    assert not return_url_allowed("https://service.example/", ())


@pytest.mark.parametrize(
    "entry", ["https://service.example/path", "https://user@service.example", "*", "https://*.example", "null", ""]
)
def test_a_registration_that_is_no_bare_origin_counts_for_nothing(entry):
    """A careless registration opens nothing."""
    assert not return_url_allowed("https://service.example/path", (entry,))


def test_a_registered_origin_may_be_spelt_with_slash_and_default_port():
    """What people write into settings."""
    assert return_url_allowed("https://a.example/x", ("https://A.example:443/",))
    assert not return_url_allowed("http://localhost:81/x", ("http://localhost:80",))


def test_an_origin_is_written_as_browsers_write_it():
    """Without a default port; it goes into Content-Security-Policy."""
    assert str(origin_of("https://Service.Example:443/x")) == "https://service.example"
    assert str(origin_of("http://localhost:5000")) == "http://localhost:5000"
    assert origin_of("http://a.example:443") == Origin("http", "a.example", 443)


def test_a_refused_address_is_named_by_its_host_alone_where_it_has_one():
    """What is shown to a signer never carries the rest of the address."""
    assert return_host("https://evil.example/service.example") == "evil.example"
    assert return_host("https://service.example@evil.example/") is None
    assert return_host("javascript:alert(1)") is None


@given(st.permutations(["ReturnUrl", "RELAYSTATE", "lang", "instrument", "MsIsDn"]))
def test_names_match_in_any_case_and_order(names):
    """MSign's documentation and its client differ."""
    values = {
        "returnurl": "https://a.example",
        "relaystate": " s ",
        "lang": "RU",
        "instrument": "mobile",
        "msisdn": "+37360000000",
    }
    found = read_parameters([(name, values[name.lower()]) for name in names])
    assert found == Parameters("https://a.example", " s ", Language.RU, "mobile", "+37360000000")


def test_the_form_wins_over_the_query_and_the_first_value_over_later_ones():
    """One reading."""
    found = read_parameters([("returnurl", "a"), ("ReturnUrl", "b")], [("RETURNURL", "c"), ("RelayState", "d")])
    assert (found.return_url, found.relay_state) == ("a", "d")


@pytest.mark.parametrize(
    ("name", "value"),
    [("Instrument", "a" * 65), ("Instrument", "a b"), ("MSISDN", "abc"), ("MSISDN", "1" * 16), ("lang", "de")],
)
def test_a_wish_that_cannot_be_read_is_left_out(name, value):
    """It is not worth an error page."""
    assert not read_parameters([(name, value)]).given


@pytest.mark.parametrize(
    ("state", "fits"), [("x" * 8192, True), ("x" * 8193, False), ("ș" * 4097, False), ("\0", False)]
)
def test_a_relay_state_has_a_bound_in_bytes(state, fits):
    """And can be given back in a form unmodified."""
    assert Parameters(relay_state=state).relay_state_fits is fits
