"""Signatures below a trusted list: settings to verdict, and whether EU DSS gives them the same name."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.app import House
from gateway.domain.contents import ContentType
from gateway.domain.indications import Indication
from gateway.settings import settings_from

COMPLIANT, DEVICE = "0.4.0.1862.1.1", "0.4.0.1862.1.4"
SIGNATURES, SEALS = "0.4.0.1862.1.6.1", "0.4.0.1862.1.6.2"
URL = "http://lists.example/md.xml"


def _sequence(*parts: bytes) -> bytes:
    body = b"".join(parts)
    return b"\x30" + bytes([len(body)]) + body


def _statements(*plain: str, kind: str | None = None) -> x509.UnrecognizedExtension:
    oid = core.ObjectIdentifier
    found = [_sequence(oid(one).dump()) for one in plain]
    if kind is not None:
        found.append(_sequence(oid("0.4.0.1862.1.6").dump(), _sequence(oid(kind).dump())))
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.3"), _sequence(*found))


FULL = _statements(COMPLIANT, DEVICE, kind=SIGNATURES)


@dataclass(frozen=True)
class Listed:
    """A certificate's statements, its service as *entry* writes it, and what we and EU DSS call the signature."""

    statements: x509.UnrecognizedExtension | None
    entry: str
    ours: str | None
    theirs: str


CASES = {
    "qualified": Listed(FULL, "granted", "QESig", "QESIG"),
    "without device": Listed(_statements(COMPLIANT, kind=SIGNATURES), "granted", "AdESig-QC", "ADESIG_QC"),
    "not compliant": Listed(_statements(DEVICE, kind=SIGNATURES), "granted", "AdESig", "ADESIG"),
    "seal": Listed(_statements(COMPLIANT, DEVICE, kind=SEALS), "granted", "QESeal", "QESEAL"),
    "device by list": Listed(_statements(COMPLIANT, kind=SIGNATURES), "with device", "QESig", "QESIG"),
    "no device by list": Listed(FULL, "without device", "AdESig-QC", "ADESIG_QC"),
    "not qualified by list": Listed(FULL, "not qualified", "AdESig", "ADESIG"),
    "service for signatures": Listed(FULL, "for signatures", "QESig", "QESIG"),
    "service for seals": Listed(FULL, "for seals", "AdESig", "ADESIG"),
    "service for nothing said": Listed(FULL, "for nothing said", "AdESig", "ADESIG"),
    "granted later": Listed(FULL, "granted lately", "AdESig", "ADESIG"),
    "recognised nationally": Listed(FULL, "national", "AdESig", "ADESIG"),
    # A list that says both is wrong about one of them: we call it nothing, EU DSS takes the lesser.
    "contradiction": Listed(FULL, "contrary", None, "ADESIG_QC"),
}


def _entries(tsl, w, ca):
    since = w.NOW - 3000 * w.DAY
    everybody = tsl.criteria("all", tsl.usage(nonRepudiation=True))

    both = tsl.information("ForeSignatures") + tsl.information("ForeSeals")

    def granted(extensions="", kinds=both, **more):
        return tsl.granted(ca, more.pop("since", since), extensions=kinds + extensions, **more)

    return {
        "granted": granted,
        "with device": lambda: granted(tsl.qualifiers(["QCWithQSCD"], everybody)),
        "without device": lambda: granted(tsl.qualifiers(["QCNoQSCD"], everybody)),
        "not qualified": lambda: granted(tsl.qualifiers(["NotQualified"], everybody)),
        "for signatures": lambda: granted(kinds=tsl.information("ForeSignatures")),
        "for seals": lambda: granted(kinds=tsl.information("ForeSeals")),
        "for nothing said": lambda: granted(kinds=""),
        "granted lately": lambda: granted(since=w.NOW - 30 * w.DAY),
        "national": lambda: granted(state="recognisedatnationallevel"),
        "contrary": lambda: granted(tsl.qualifiers(["QCWithQSCD", "QCNoQSCD"], everybody)),
    }


@pytest.fixture(scope="module")
def tsl():
    """How the tests of the room write lists."""
    file = Path(__file__).resolve().parent.parent / "trust" / "trusted_lists.py"
    spec = importlib.util.spec_from_file_location("trust_corpus_trusted_lists", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def listed(worlds, tsl, tmp_path_factory):
    """A folder with the list, its signer, anchors that know nobody, and a signature for each case."""
    w = worlds
    world = w.World()
    folder = tmp_path_factory.mktemp("listed")
    for name in ("anchors", "operator", "mirror"):
        (folder / name).mkdir()
    operator = world.found("List operator")
    stampers = world.found("Listed TSA CA", world.root)
    tsa = world.stamper("Listed TSA", stampers)
    services, files = [], {}
    for name, case in CASES.items():
        ca = world.found(f"Listed CA {name}", world.root)
        extras = (case.statements,) if case.statements else ()
        signer = world.issue(f"Listed signer {name}", ca, extras=extras)
        services.append(_entries(tsl, w, ca)[case.entry]())
        files[name] = folder / f"{name.replace(' ', '-')}.xml"
        files[name].write_bytes(w.xades(signer, w.NOW - w.HOUR, tsa=tsa))
    services.append(tsl.granted(stampers, w.NOW - 3000 * w.DAY, "TSA/QTST"))
    body = tsl.trusted_list("".join(services), issued=w.NOW - w.DAY, following=w.NOW + 60 * w.DAY)
    (folder / "mirror" / "md.xml").write_bytes(tsl.signed(body, operator))
    (folder / "operator" / "operator.pem").write_bytes(operator.cert.public_bytes(Encoding.PEM))
    (folder / "anchors" / "other.pem").write_bytes(world.unknown_root.cert.public_bytes(Encoding.PEM))
    yield folder, files
    world.close()


@pytest.fixture(scope="module")
def house(listed):
    """A gateway whose anchors are the list's alone."""
    folder, _ = listed
    given = {
        "environment": "sandbox",
        "trust": {
            "signer_anchors": "anchors",
            "tsa_anchors": "anchors",
            "allow_loopback": True,
            "national_list_url": URL,
            "national_list_signers": "operator",
            "lists_mirror": "mirror",
        },
    }
    return House(settings_from(given, folder))


@pytest.fixture(scope="module")
def our_names(house, listed, worlds):
    """The signatures' conclusions by case, after one refresh."""
    before = _verified(house, listed[1]["qualified"], worlds)
    assert before.indication is Indication.INDETERMINATE  # nothing is believed before the list is there
    report = house.list_refresher(worlds.NOW)
    assert (report.renewed, report.failures) == (1, ())
    later = House(house.settings)
    return {name: _verified(later, path, worlds) for name, path in listed[1].items()}


def _verified(house, path, worlds):
    result = house.verify_signatures.verify_one(ContentType.HASH, BytesIO(path.read_bytes()), worlds.DIGEST)
    (only,) = result.conclusions
    return only


@pytest.mark.parametrize("name", CASES)
def test_a_signature_below_a_listed_authority_passes_and_has_its_name(our_names, name):
    conclusion = our_names[name]
    assert conclusion.indication is Indication.TOTAL_PASSED
    assert conclusion.trust.qualification == CASES[name].ours


@pytest.fixture(scope="module")
def their_names(dss, listed, worlds):
    folder, files = listed
    inputs = [dss.DssInput(path, "SHA256", worlds.DIGEST) for path in files.values()]
    reports = dss.validate(
        inputs, [folder / "anchors"], trusted_list=(folder / "mirror" / "md.xml", folder / "operator")
    )
    return dict(zip(files, reports, strict=True))


@pytest.mark.oracle
@pytest.mark.java
@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_eu_dss_reads_the_same_list_and_gives_the_same_name(their_names, name):
    signature = their_names[name].signature
    assert signature.indication == "TOTAL-PASSED", signature.errors
    assert signature.qualification == CASES[name].theirs
