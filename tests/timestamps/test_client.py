"""Tokens are asked for together, believed only when they are what was asked for, and a sick authority costs little."""

import os
import socket
import ssl
import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from asn1crypto import tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku
from cryptography.x509.oid import NameOID

from gateway.asn1 import der
from gateway.domain.certificates import KeyAlgorithm
from gateway.domain.contents import DigestAlgorithm
from gateway.errors import AuthorityUnavailable, ConfigurationError
from gateway.timestamps.api import TimeStampToken

SHA256 = DigestAlgorithm.SHA256
SHORT = timedelta(seconds=1)


def reasons(answers):
    return [a.reason if isinstance(a, AuthorityUnavailable) else None for a in answers]


@pytest.fixture
def asked(stamping, server, imprint_of, now):
    """Asks the scripted server over one imprint whose script is given, between two that are usual."""

    def ask(script, **more):
        imprints = [imprint_of("before"), imprint_of("sick"), imprint_of("after")]
        server.scripts[imprints[1]] = script
        answers = stamping(server.url, **{"timeout": SHORT, **more}).tokens(imprints, SHA256, now)
        assert len(answers) == 3
        assert isinstance(answers[0], TimeStampToken), "one sick answer spoilt the one before it"
        assert isinstance(answers[2], TimeStampToken), "one sick answer spoilt the one after it"
        return answers[1]

    return ask


# ---------------------------------------------------------------- what is asked and believed


def test_every_imprint_gets_its_own_token_in_order(stamping, server, reader, imprint_of, now):
    imprints = [imprint_of(f"content {i}") for i in range(100)]
    answers = stamping(server.url).tokens(imprints, SHA256, now)
    assert [reader.read(a.der).imprint for a in answers] == imprints
    assert {a.gen_time for a in answers} == {now.replace(microsecond=0)}
    assert {a.authority for a in answers} == {"TEST tsa"}


def test_a_token_under_another_policy_is_refused_where_policies_are_named(stamping, server, imprint_of, now):
    imprints = [imprint_of("content")]
    (answer,) = stamping(server.url, policies=frozenset({"2.999.7"})).tokens(imprints, SHA256, now)
    assert reasons([answer]) == ["token is under another policy"]
    (answer,) = stamping(server.url, policies=frozenset({"2.999.7", "2.999.1.2"})).tokens(imprints, SHA256, now)
    assert reasons([answer]) == [None]


def test_a_request_is_what_rfc_3161_says(stamping, server, imprint_of, now):
    stamping(server.url, nonce=lambda: 0x8000_0000_0000_0001).tokens([imprint_of("a")], SHA256, now)
    (body,) = server.requests
    told = tsp.TimeStampReq.load(body, strict=True).native
    assert told["version"] == "v1"
    assert told["message_imprint"]["hash_algorithm"]["algorithm"] == "sha256"
    assert told["message_imprint"]["hashed_message"] == imprint_of("a")
    assert told["nonce"] == 0x8000_0000_0000_0001
    assert told["cert_req"] is True
    assert told["req_policy"] is None
    path, headers = server.headers[0]
    assert path == "/tsa"
    assert headers["Content-Type"] == "application/timestamp-query"


def test_openssl_reads_the_request(stamping, server, openssl, imprint_of, now):
    stamping(server.url).tokens([imprint_of("a")], SHA256, now)
    shown = openssl("ts", "-query", "-in", "query", "-text", query=server.requests[0]).stdout
    assert b"Hash Algorithm: sha256" in shown
    assert b"Certificate required: yes" in shown
    assert b"Nonce: 0xFEDC" in shown


@pytest.mark.parametrize("algorithm", [DigestAlgorithm.SHA384, DigestAlgorithm.SHA512])
def test_other_digests_can_be_stamped(stamping, server, reader, now, algorithm):
    (answer,) = stamping(server.url).tokens([b"x" * algorithm.length], algorithm, now)
    assert reader.read(answer.der).imprint_algorithm == algorithm.value


@pytest.mark.parametrize("kind", [KeyAlgorithm.P384, KeyAlgorithm.RSA_2048], ids=lambda k: k.value)
def test_authorities_with_other_keys_are_believed(stamping, serving, registry, imprint_of, now, kind):
    (answer,) = stamping(serving(registry.office(kind)).url).tokens([imprint_of("a")], SHA256, now)
    assert isinstance(answer, TimeStampToken)


def test_an_empty_batch_asks_nobody(stamping, server, now):
    assert stamping(server.url).tokens([], SHA256, now) == []
    assert server.connections == 0


# ---------------------------------------------------------------- sick answers, one among good ones


def test_an_authority_that_does_not_answer_in_time_costs_its_one_token(asked, server):
    answer = asked(server.silent)
    assert answer.reason == "no answer in time"
    assert answer.authority == "TEST tsa"


def test_an_authority_that_takes_its_time_is_waited_for(asked, server):
    assert isinstance(asked(server.sleeping(0.15)), TimeStampToken)


def test_an_answer_that_drips_in_gains_no_time(asked, office, now, timed):
    """Neither in its head nor in its body."""

    def dripping_body(handler, body):
        answer = office.issuer.respond(body, now)
        handler.send_response(200)
        handler.send_header("Content-Type", "application/timestamp-reply")
        handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        for byte in answer:
            handler.wfile.write(bytes((byte,)))
            time.sleep(0.05)

    def dripping_head(handler, _body):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            handler.wfile.write(b"X-More: more\r\n")
            time.sleep(0.05)

    for script in (dripping_body, dripping_head):
        with timed() as taken:
            assert asked(script).reason == "no answer in time"
        assert taken[0] < 3 * SHORT.total_seconds()


def altering(server, office, now, **members):
    """A script that answers another request than the one that came."""

    def script(handler, body):
        request = tsp.TimeStampReq.load(body)
        for name, value in members.items():
            request[name] = value(request[name].native) if callable(value) else value
        server.say(handler, office.issuer.respond(request.dump(force=True), now))

    return script


def test_an_answer_that_begins_late_and_then_stops_gains_no_time(server, timed):
    """The time left for reading shrinks with every octet; asked without a batch, which would end by itself."""
    from gateway.timestamps.batches import NoAnswer
    from gateway.timestamps.connections import Connections, parse_address

    def stopping(handler, body):
        for _ in range(8):
            handler.wfile.write(b"H")
            time.sleep(0.1)
        server.silent(handler, body)

    server.usual = stopping
    with timed() as taken, pytest.raises(NoAnswer, match="no answer in time"):
        Connections(parse_address(server.url), timeout=1.0, at_once=1).post(b"query")
    assert taken[0] < 1.4


def test_a_token_with_another_nonce_is_not_believed(asked, server, office, now):
    assert asked(altering(server, office, now, nonce=lambda n: n + 1)).reason == "token carries another nonce"
    assert asked(altering(server, office, now, nonce=None)).reason == "token carries another nonce"


def test_a_token_over_another_imprint_is_not_believed(asked, server, office, now):
    other = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": b"x" * 32}
    assert asked(altering(server, office, now, message_imprint=other)).reason == "token is over another imprint"


def test_a_token_over_an_imprint_of_another_algorithm_is_not_believed(asked, server, office, now):
    other = {"hash_algorithm": {"algorithm": "sha512"}, "hashed_message": b"x" * 64}
    assert asked(altering(server, office, now, message_imprint=other)).reason == "token is over another imprint"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"imprint_algorithm": "sha3_256"}, "token is over another imprint"),
        ({"certificate": None}, "token without its certificate"),
        ({"certificate": b"no certificate"}, "authority's certificate is not readable"),
    ],
    ids=str,
)
def test_a_token_is_believed_by_everything_that_its_reader_says(
    stamping, server, reader, imprint_of, now, said, reason
):
    class Saying:
        def read(self, token):
            return replace(reader.read(token), **said)

    (answer,) = stamping(server.url, reader=Saying()).tokens([imprint_of("a")], SHA256, now)
    assert answer.reason == reason


def test_a_token_without_certificate_is_not_believed(asked, server, office, now):
    assert "certificate is not in the token" in asked(altering(server, office, now, cert_req=False)).reason


def test_a_token_whose_signature_does_not_hold_is_not_believed(asked, server, office, now):
    def script(handler, body):
        answer = bytearray(office.issuer.respond(body, now))
        answer[-3] ^= 1
        server.say(handler, bytes(answer))

    assert asked(script).reason == "token does not hold: signature value does not hold"


@pytest.mark.parametrize("minutes", [-6, 6, -60 * 24 * 365])
def test_a_token_of_another_time_is_not_believed(asked, server, now, minutes):
    def script(handler, body):
        server.grant(handler, body, when=now + timedelta(minutes=minutes))

    reason = asked(script).reason
    assert "compare the clocks" in reason
    assert ("late" if minutes > 0 else "early") in reason


@pytest.mark.parametrize("minutes", [-4, 4])
def test_clocks_may_differ_a_little(asked, server, now, minutes):
    moment = now + timedelta(minutes=minutes)
    assert isinstance(asked(lambda h, b: server.grant(h, b, when=moment)), TimeStampToken)


def test_how_much_clocks_may_differ_can_be_said(asked, server, now):
    moment = now - timedelta(minutes=4)
    answer = asked(lambda h, b: server.grant(h, b, when=moment), clock_skew=timedelta(minutes=1))
    assert "too early" in answer.reason


def test_a_long_batch_has_its_length_besides_the_clocks_difference(asked, server, now):
    """A token asked for at the end of a batch is of that time, and the batch's time is that of its beginning."""

    moment = now + timedelta(seconds=1.4)  # cut to the whole second, 1.35 s on

    def late(handler, body):
        time.sleep(0.8)
        server.grant(handler, body, when=moment)

    more = {"clock_skew": timedelta(seconds=0.7), "timeout": timedelta(seconds=3)}
    assert isinstance(asked(late, **more), TimeStampToken)
    assert "too late" in asked(lambda h, b: server.grant(h, b, when=moment), **more).reason


@pytest.mark.parametrize(
    "extended",
    [
        None,
        (x509.ExtendedKeyUsage([Eku.TIME_STAMPING]), False),
        (x509.ExtendedKeyUsage([Eku.TIME_STAMPING, Eku.CODE_SIGNING]), True),
        (x509.ExtendedKeyUsage([Eku.EMAIL_PROTECTION]), True),
        (x509.ExtendedKeyUsage([Eku.ANY_EXTENDED_KEY_USAGE]), True),
    ],
    ids=["none", "not critical", "not alone", "another", "any"],
)
def test_a_certificate_for_other_things_is_not_believed(asked, server, registry, extended):
    other = registry.office(extended=extended)
    reason = asked(lambda h, b: server.grant(h, b, office=other)).reason
    assert reason.startswith("authority's certificate")
    assert "time-stamping alone" in reason or "extended key usage" in reason


def test_a_certificate_that_had_expired_is_not_believed(asked, server, registry, now):
    other = registry.office(until=now - timedelta(days=1))
    reason = asked(lambda h, b: server.grant(h, b, office=other)).reason
    assert reason == "authority's certificate is not valid at the token's time"


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_an_error_status_is_quoted(asked, server, status):
    answer = asked(lambda h, b: server.say(h, b"<html>sorry</html>", status=status, kind="text/html"))
    assert answer.reason == f"answers HTTP {status}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(asked, server, serving, office, status):
    elsewhere = serving(office)
    location = ("Location", elsewhere.url)
    answer = asked(lambda h, b: server.say(h, b"", status=status, headers=[location]))
    assert answer.reason == f"answers HTTP {status}"
    assert elsewhere.connections == 0


def test_another_content_type_is_no_reply(asked, server, office, now):
    for kind in ("text/html", "application/octet-stream", "", "application/timestamp-query"):
        answer = asked(lambda h, b, k=kind: server.say(h, office.issuer.respond(b, now), kind=k))
        assert answer.reason == "answer is no time-stamp reply (Content-Type)"


def test_a_content_type_may_have_parameters_and_capitals(asked, server, office, now):
    kind = "Application/Timestamp-Reply; charset=binary"
    assert isinstance(asked(lambda h, b: server.say(h, office.issuer.respond(b, now), kind=kind)), TimeStampToken)


@pytest.mark.parametrize("garbage", [b"", b"\x00", b"<html></html>", b"\x30\x80\x00", b"\x30\x03\x02\x01\x00"])
def test_garbage_is_no_answer(asked, server, garbage):
    assert asked(lambda h, b: server.say(h, garbage)).reason == "answer is not readable"


def test_something_else_in_the_place_of_the_token_is_no_token(asked, server):
    granted = der.sequence(der.sequence(der.integer(0)), der.sequence(der.integer(7)))
    assert asked(lambda h, b: server.say(h, granted)).reason.startswith("answer holds no token: not a time-stamp token")


def test_granted_without_a_token_is_no_token(asked, server):
    granted = der.sequence(der.sequence(der.integer(0)))
    assert asked(lambda h, b: server.say(h, granted)).reason == "refuses: granted without a token"


def test_a_token_with_modifications_is_believed_when_it_is_what_was_asked(asked, server, office, now):
    def script(handler, body):
        answer = office.issuer.respond(body, now)
        server.say(handler, answer.replace(b"\x30\x03\x02\x01\x00", b"\x30\x03\x02\x01\x01", 1))

    assert isinstance(asked(script), TimeStampToken)


def test_the_authoritys_own_refusal_is_quoted(asked, server, office, now):
    sha1 = {"hash_algorithm": {"algorithm": "sha1"}, "hashed_message": b"x" * 20}
    reason = asked(altering(server, office, now, message_imprint=sha1)).reason
    assert reason == "refuses: rejection, says: Imprints are SHA-256, SHA-384 or SHA-512., badAlg"


def test_what_is_quoted_is_short_and_printable(asked, server):
    text = der.tlv(der.UTF8_STRING, "\x1b[31mline\r\nline\u202e\u2028".encode() + b"\xff" + b"x" * 5000)
    refusal = der.sequence(der.sequence(der.integer(2), der.sequence(text), der.tlv(der.BIT_STRING, b"\x07\x80")))
    reason = asked(lambda h, b: server.say(h, refusal)).reason
    assert reason.isprintable()
    assert len(reason) < 250
    assert reason.startswith("refuses: rejection, says: [31mline line")
    assert reason.endswith("badAlg")


def test_a_huge_answer_is_not_read_to_its_end(asked, timed):
    written = []

    def endless(handler, _body):
        handler.send_response(200)
        handler.send_header("Content-Type", "application/timestamp-reply")
        handler.send_header("Content-Length", str(1 << 40))
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"\x30" * 65536)
                written.append(65536)
        except OSError:
            handler.close_connection = True

    with timed() as taken:
        assert asked(endless).reason == "answer larger than 65536 bytes"
    assert taken[0] < 3
    assert sum(written) < 32 * 1024 * 1024


def test_an_answer_just_too_large_is_refused(asked, server):
    assert asked(lambda h, b: server.say(h, b"x" * 65537)).reason == "answer larger than 65536 bytes"
    assert asked(lambda h, b: server.say(h, b"x" * 65536)).reason == "answer is not readable"


def test_a_dropped_connection_costs_one_token(asked):
    def drop(handler, _body):
        handler.close_connection = True
        handler.connection.close()

    assert asked(drop).reason == "connection dropped"


def test_an_answer_that_is_cut_off_costs_one_token(asked, office, now):
    def cut(handler, body):
        answer = office.issuer.respond(body, now)
        handler.send_response(200)
        handler.send_header("Content-Type", "application/timestamp-reply")
        handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer[:-10])
        handler.close_connection = True

    assert asked(cut).reason == "connection dropped"


def test_what_is_not_http_costs_one_token(asked):
    def script(handler, _body):
        handler.wfile.write(b"220 mail.example ESMTP\r\n" * 3)
        handler.close_connection = True

    assert asked(script).reason in ("connection dropped", "not reached (BadStatusLine)")


def test_what_breaks_the_reader_costs_one_token(stamping, server, reader, imprint_of, now):
    """Nobody foresees everything: an error of our own is an answer missing, and its text is not quoted."""

    class Fragile:
        def read(self, token):
            if imprint_of("sick") in token:
                raise RuntimeError("secret bytes")
            return reader.read(token)

    client = stamping(server.url, reader=Fragile())
    good, bad = client.tokens([imprint_of("well"), imprint_of("sick")], SHA256, now)
    assert isinstance(good, TimeStampToken)
    assert bad.reason == "asking failed (RuntimeError)"


# ---------------------------------------------------------------- whom the operator accepts


def test_the_operators_own_question_is_asked_once_a_batch(stamping, server, office, imprint_of, now):
    asked = []

    def accept(certificate, others):
        asked.append((certificate, tuple(others)))

    answers = stamping(server.url, accept_certificate=accept).tokens(
        [imprint_of(str(i)) for i in range(20)], SHA256, now
    )
    assert all(isinstance(a, TimeStampToken) for a in answers)
    assert asked == [(office.certificate, (office.root,))]


def test_a_certificate_that_the_operator_does_not_accept_gives_no_token(
    stamping, server, registry, office, imprint_of, now
):
    other = registry.office(KeyAlgorithm.P384)
    server.scripts[imprint_of("other")] = lambda h, b: server.grant(h, b, office=other)

    def accept(certificate, _others):
        return None if certificate == office.certificate else "authority is not trusted"

    answers = stamping(server.url, accept_certificate=accept).tokens(
        [imprint_of("a"), imprint_of("other"), imprint_of("b")], SHA256, now
    )
    assert reasons(answers) == [None, "authority is not trusted", None]


# ---------------------------------------------------------------- together, and not for ever


def test_requests_go_out_together(stamping, server, imprint_of, now, timed):
    """As a ratio: 32 with 32 in flight against 32 one after another, at an authority that takes 50 ms."""
    server.usual = server.sleeping(0.05)
    imprints = [imprint_of(str(i)) for i in range(32)]
    with timed() as one_by_one:
        alone = stamping(server.url, in_flight=1).tokens(imprints, SHA256, now)
    assert server.most_at_once == 1
    with timed() as together:
        crowd = stamping(server.url, in_flight=32).tokens(imprints, SHA256, now)
    assert reasons(alone) == reasons(crowd) == [None] * 32
    assert server.most_at_once > 8
    assert together[0] < one_by_one[0] / 3


def test_no_more_are_in_flight_than_allowed_not_even_by_several_threads(stamping, server, imprint_of, now):
    server.usual = server.sleeping(0.02)
    client = stamping(server.url, in_flight=4)
    found = []

    def run(name):
        found.extend(client.tokens([imprint_of(f"{name}{i}") for i in range(12)], SHA256, now))

    threads = [threading.Thread(target=run, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 36
    assert reasons(found) == [None] * 36
    assert server.most_at_once <= 4


def test_a_small_batch_need_not_wait_for_a_large_one(stamping, server, imprint_of, now):
    """Batches take turns."""
    server.usual = server.sleeping(0.01)
    client = stamping(server.url, in_flight=2)
    ended = []

    def run(name, count):
        client.tokens([imprint_of(f"{name}{i}") for i in range(count)], SHA256, now)
        ended.append(name)

    large = threading.Thread(target=run, args=("large", 120))
    large.start()
    while not server.requests:
        time.sleep(0.005)
    run("small", 2)
    large.join(30)
    assert ended == ["small", "large"]


def test_connections_are_kept_open(stamping, server, imprint_of, now):
    client = stamping(server.url, in_flight=4)
    for round_number in range(5):
        answers = client.tokens([imprint_of(f"{round_number}.{i}") for i in range(8)], SHA256, now)
        assert reasons(answers) == [None] * 8
    assert len(server.requests) == 40
    assert server.connections <= 4


def test_connections_stay_open_through_refusals_and_error_statuses(stamping, server, imprint_of, now):
    client = stamping(server.url, in_flight=1)
    server.scripts[imprint_of("error")] = lambda h, b: server.say(h, b"sorry", status=500, kind="text/plain")
    answers = client.tokens([imprint_of("a"), imprint_of("error"), imprint_of("b")], SHA256, now)
    assert reasons(answers) == [None, "answers HTTP 500", None]
    assert server.connections == 1


def test_a_kept_connection_that_was_closed_meanwhile_is_replaced(stamping, server, imprint_of, now):
    """An authority that closes after its answer, without saying so, looks like one that keeps alive."""

    def closing(handler, body):
        server.grant(handler, body)
        handler.close_connection = True

    server.usual = closing
    client = stamping(server.url, in_flight=1)
    answers = client.tokens([imprint_of(str(i)) for i in range(6)], SHA256, now)
    assert reasons(answers) == [None] * 6


def test_a_silent_authority_fails_a_thousand_in_about_two_timeouts(stamping, server, imprint_of, now, timed):
    server.usual = server.silent
    imprints = [imprint_of(str(i)) for i in range(1000)]
    for in_flight in (32, 1):
        with timed() as taken:
            answers = stamping(server.url, timeout=SHORT, in_flight=in_flight).tokens(imprints, SHA256, now)
        assert len(answers) == 1000
        assert all("no answer in time" in reason for reason in reasons(answers))
        assert taken[0] < 3 * SHORT.total_seconds()
    assert len(server.requests) < 100


def test_an_authority_that_dies_within_a_batch_keeps_what_it_gave(stamping, server, imprint_of, now, timed):
    given = iter(range(10))

    def usual(handler, body):
        if next(given, None) is None:
            server.silent(handler, body)
        else:
            server.grant(handler, body)

    server.usual = usual
    with timed() as taken:
        answers = stamping(server.url, timeout=SHORT, in_flight=4).tokens(
            [imprint_of(str(i)) for i in range(500)], SHA256, now
        )
    assert reasons(answers).count(None) == 10
    assert taken[0] < 3 * SHORT.total_seconds()


def test_a_port_where_nobody_listens_fails_at_once_and_is_not_asked_a_thousand_times(
    stamping, server, imprint_of, now, timed
):
    server.close()
    with timed() as taken:
        answers = stamping(server.url).tokens([imprint_of(str(i)) for i in range(1000)], SHA256, now)
    assert [reason for reason in reasons(answers) if "not reached" not in reason] == []
    assert taken[0] < 4


def test_a_name_that_does_not_resolve_is_said_as_such(stamping, imprint_of, now, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    (answer,) = stamping("http://tsa.invalid/").tokens([imprint_of("a")], SHA256, now)
    assert answer.reason == "not reached: its name does not resolve"


def test_an_authority_that_refuses_everything_is_soon_left_alone(stamping, server, imprint_of, now):
    """Authorities block callers that do not stop."""
    server.usual = lambda h, b: server.say(h, b"slow down", status=429, kind="text/plain")
    answers = stamping(server.url, in_flight=4).tokens([imprint_of(str(i)) for i in range(300)], SHA256, now)
    assert len(server.requests) < 20
    assert set(reasons(answers)) == {"answers HTTP 429", "not asked any more after: answers HTTP 429"}


def test_some_sick_answers_among_many_cost_themselves_alone(stamping, server, imprint_of, now):
    imprints = [imprint_of(str(i)) for i in range(120)]
    for imprint in imprints[5:120:12]:
        server.scripts[imprint] = lambda h, b: server.say(h, b"garbage")
    for imprint in imprints[60:62]:
        server.scripts[imprint] = server.silent
    answers = stamping(server.url, timeout=SHORT, in_flight=8).tokens(imprints, SHA256, now)
    assert reasons(answers).count("answer is not readable") == 10
    assert reasons(answers).count("no answer in time") == 2
    assert reasons(answers).count(None) == 108


def test_a_lookup_that_hangs_is_not_waited_for(stamping, imprint_of, now, monkeypatch, timed):
    """No timeout reaches a name's lookup; the batch ends all the same."""
    let_go = threading.Event()

    def hang(*_, **__):
        let_go.wait(20)
        raise OSError("no such name")

    monkeypatch.setattr("socket.getaddrinfo", hang)
    try:
        with timed() as taken:
            answers = stamping("http://tsa.invalid/", timeout=SHORT).tokens(
                [imprint_of(str(i)) for i in range(50)], SHA256, now
            )
        assert set(reasons(answers)) == {"no answer in time"}
        assert taken[0] < 3 * SHORT.total_seconds()
    finally:
        let_go.set()


# ---------------------------------------------------------------- processes


def test_it_works_in_a_forked_child_after_use_in_the_parent(stamping, server, reader, imprint_of, now):
    client = stamping(server.url, in_flight=4)
    before = client.tokens([imprint_of(f"parent {i}") for i in range(8)], SHA256, now)
    assert reasons(before) == [None] * 8
    said, told = os.pipe()
    pid = os.fork()
    if pid == 0:  # pragma: no cover - another process
        try:
            imprints = [imprint_of(f"child {i}") for i in range(8)]
            answers = client.tokens(imprints, SHA256, now)
            right = [reader.read(a.der).imprint for a in answers] == imprints
            os.write(told, b"right" if right else b"wrong")
        except BaseException as error:  # noqa: BLE001 - the parent is told
            os.write(told, repr(error).encode())
        finally:
            os._exit(0)
    os.close(told)
    after = client.tokens([imprint_of(f"parent again {i}") for i in range(8)], SHA256, now)
    with os.fdopen(said, "rb") as pipe:
        assert pipe.read() == b"right"
    os.waitpid(pid, 0)
    assert reasons(after) == [None] * 8


def test_nothing_is_opened_before_the_first_question(stamping, server):
    threads = threading.active_count()
    stamping(server.url)
    assert threading.active_count() == threads
    assert server.connections == 0


# ---------------------------------------------------------------- TLS, credentials, addresses


@pytest.fixture
def tls(tmp_path):
    """A context for 127.0.0.1 and the file of the certificate that vouches for it."""
    from datetime import UTC, datetime
    from ipaddress import ip_address

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "TEST TLS")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2045, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "tls.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "tls.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, tmp_path / "tls.key")
    return context, file


def test_https_is_verified(stamping, serving, office, tls, imprint_of, now, monkeypatch):
    context, file = tls
    server = serving(office, context)
    (refused,) = stamping(server.url).tokens([imprint_of("a")], SHA256, now)
    assert refused.reason == "TLS refused: its certificate is not trusted or does not fit"
    assert server.requests == []
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    (answer,) = stamping(server.url).tokens([imprint_of("a")], SHA256, now)
    assert isinstance(answer, TimeStampToken), answer
    (other_name,) = stamping(server.url.replace("127.0.0.1", "localhost")).tokens([imprint_of("a")], SHA256, now)
    assert other_name.reason == "TLS refused: its certificate is not trusted or does not fit"


def test_a_user_and_password_go_into_a_header_and_into_no_text(stamping, server, imprint_of, now):
    url = server.url.replace("http://", "http://us%40er:s%3Acret@") + "?apikey=hidden"
    client = stamping(url, timeout=SHORT, clock=lambda: now)
    said = client.check()
    path, headers = server.headers[0]
    assert headers["Authorization"] == "Basic dXNAZXI6czpjcmV0"
    assert path == "/tsa?apikey=hidden"
    texts = [said, repr(client), str(vars(client))]
    server.usual = lambda h, b: server.say(h, b"", status=401)
    with pytest.raises(AuthorityUnavailable) as caught:
        client.check()
    texts += [str(caught.value), repr(caught.value.__cause__), repr(caught.value.__context__)]
    server.usual = server.silent
    texts += [str(answer) for answer in client.tokens([imprint_of("a")], SHA256, now)]
    for text in texts:
        for secret in ("s:cret", "s%3Acret", "us@er", "dXNAZXI6czpjcmV0", "hidden"):
            assert secret not in text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "tsa.example",
        "ftp://tsa.example/",
        "file:///etc/passwd",
        "http:///tsa",
        "http://tsa.example:port/",
        "http://[::1/",
        "http://tsa.example/a b",
        "http://tsa.example/\r\nHost: other",
    ],
)
def test_an_address_that_cannot_be_asked_is_refused_at_once_without_quoting_it(stamping, url):
    with pytest.raises(ConfigurationError, match=r"^timestamps\.url: ") as caught:
        stamping(url)
    assert not url or url not in str(caught.value)


@pytest.mark.parametrize("more", [{"in_flight": 0}, {"timeout": timedelta(0)}, {"timeout": timedelta(seconds=-1)}])
def test_numbers_that_make_no_sense_are_refused_at_once(stamping, more):
    with pytest.raises(ConfigurationError, match=r"^timestamps\.(in_flight|timeout_s): "):
        stamping("http://tsa.example/", **more)


# ---------------------------------------------------------------- the operator's check


def test_check_says_in_a_line_what_answered(stamping, server, now):
    said = stamping(server.url, clock=lambda: now).check()
    assert said.startswith(f"TEST tsa at http://127.0.0.1:{server.port}/tsa: a token of ")
    assert "2026-05-04 10:20:30" in said
    assert "\n" not in said


def test_check_raises_what_is_wrong(stamping, server, now):
    client = stamping(server.url, clock=lambda: now, timeout=SHORT)
    server.usual = lambda h, b: server.say(h, b"", status=503)
    with pytest.raises(AuthorityUnavailable, match="TEST tsa: answers HTTP 503"):
        client.check()


def test_check_compares_with_this_machines_clock(stamping, server):
    """Nobody gave it another clock, and the scripted authority lives in May 2026."""
    from datetime import UTC, datetime

    server.usual = lambda h, b: server.grant(h, b, when=datetime.now(UTC))
    assert "a token of" in stamping(server.url).check()
    server.usual = lambda h, b: server.grant(h, b, when=datetime.now(UTC) - timedelta(hours=1))
    with pytest.raises(AuthorityUnavailable, match="compare the clocks"):
        stamping(server.url).check()
