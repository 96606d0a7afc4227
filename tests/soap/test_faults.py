"""Faults have the contract's codes and texts, in the form that was chosen, and tell nothing of our insides."""

import pytest
import structlog.testing
from lxml import etree

from gateway import errors
from gateway.soap.faults import Fault, FaultCodeForm, MessageRefused, fault_of, write_fault
from tests.soap.messages import NAMESPACE, get_message, post_message, verify_message

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"


def fault_parts(body):
    """The qualified code and the text, read as a client reads them, and the names of all parts."""
    root = etree.fromstring(body)
    fault = root.find(f"{{{ENVELOPE}}}Body/{{{ENVELOPE}}}Fault")
    code = fault.find("faultcode")
    prefix, _, local = code.text.rpartition(":")
    namespace = code.nsmap.get(prefix) if prefix else None
    return namespace, local, fault.find("faultstring").text, [part.tag for part in fault]


@pytest.mark.parametrize(
    ("form", "namespace"),
    [
        (FaultCodeForm.ENVELOPE, ENVELOPE),
        (FaultCodeForm.CONTRACT, NAMESPACE),
        (FaultCodeForm.PLAIN, None),
    ],
)
def test_the_codes_of_the_contract_come_in_three_forms(make_door, form, namespace):
    answer = make_door(fault_codes=form).call(get_message())
    assert answer.status == 500
    assert fault_parts(answer.body) == (
        namespace,
        "RequestNotFound",
        "Cannot find such request",
        ["faultcode", "faultstring"],
    )


@pytest.mark.parametrize("form", FaultCodeForm)
def test_the_codes_of_soap_always_have_its_namespace(make_door, form):
    namespace, code, *_ = fault_parts(make_door(fault_codes=form).call(b"<").body)
    assert (namespace, code) == (ENVELOPE, "Client")


def test_the_default_form_is_that_of_a_wcf_server(door):
    assert b"<faultcode>s:RequestNotFound</faultcode>" in door.call(get_message()).body


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (errors.NotYourRequest(), "AuthorizationFailed", "This signature request was not initiated by this system"),
        (errors.RequestNotFound(), "RequestNotFound", "Cannot find such request"),
        (errors.InvalidRequest("Contents[3].Name", "is wrong"), "InvalidParameter", "Contents[3].Name: is wrong"),
    ],
)
def test_an_operations_refusals_have_the_documented_texts(door, error, code, text):
    door.operations.error = error
    for message in (post_message(), get_message(), verify_message()):
        answer = door.call(message)
        assert (answer.outcome, answer.reason) == (f"500 {code}", text)


def test_a_busy_service_says_when_to_come_again(door):
    door.operations.error = errors.ServiceBusy(7)
    answer = door.call(verify_message())
    assert answer.outcome == "503 Server"
    assert answer.headers["Retry-After"] == "7"
    assert "7 seconds" in answer.reason


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("secret of ours"),
        errors.AuthorityUnavailable("secret of ours", "at 10.0.0.1"),
        errors.ConfigurationError("secret of ours"),
        errors.StoredContentMissing("secret of ours"),
        KeyError("secret of ours"),
        MemoryError(),
        RecursionError(),
    ],
)
def test_an_error_of_ours_becomes_a_number_in_the_records(door, error):
    door.operations.error = error
    with structlog.testing.capture_logs() as records:
        answer = door.call(post_message())
    (record,) = records
    assert answer.outcome == "500 Server"
    assert answer.reason == f"The request could not be processed. Reference: {record['reference']}"
    assert b"secret" not in answer.body
    assert "secret" not in repr(records)


def test_every_call_has_one_record_with_ids_and_counts_only(door):
    with structlog.testing.capture_logs() as records:
        posted = door.call(post_message(short="Cerere secretă", content="AAAA"))
        door.call(get_message(next(iter(door.operations.requests))))
        door.call(post_message(content="!secret!"))
        door.call(b"<", certificate=None)
    request_id = next(iter(door.operations.requests))
    assert request_id.encode() in posted.body
    assert request_id not in repr(records), "an id opens its page"
    assert [record["request"] for record in records[:2]] == [request_id[:8]] * 2
    common = {"event", "log_level", "reference", "ms", "operation", "bytes"}
    assert [set(record) - common for record in records] == [
        {"consumer", "contents", "content_type", "request"},
        {"consumer", "request", "status", "results"},
        {"consumer", "refused"},
        {"refused"},
    ]
    assert [record["operation"] for record in records] == [
        "PostSignRequest",
        "GetSignResponse",
        "PostSignRequest",
        None,
    ]
    assert {record.get("consumer") for record in records} == {"consumer-1", None}
    assert "secret" not in repr(records)
    assert "AAAA" not in repr(records)


def test_a_reason_is_escaped_and_bounded():
    written = write_fault(Fault("InvalidParameter", "<b>&" + "x" * 10_000), FaultCodeForm.PLAIN)
    _, _, text, _ = fault_parts(written)
    assert text.startswith("<b>&x")
    assert len(text) == 500


def test_what_no_front_door_word_exists_for_keeps_its_detail():
    assert fault_of(errors.AuthorityUnavailable("tsa", "down"), "PostSignRequest") is None
    assert fault_of(errors.GatewayError("x"), None) is None
    assert fault_of(MessageRefused("x"), None).of_soap
