"""Results to be reported on, and the schemas of the report."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lxml import etree

from gateway.domain.contents import DigestAlgorithm
from gateway.domain.indications import Indication, SubIndication
from gateway.domain.messages import MessageKey
from gateway.domain.verdicts import (
    IntegrityFailure,
    IntegrityVerdict,
    PolicyVerdict,
    SignatureKind,
    TimeStampKind,
    TimeStampVerdict,
    Trust,
    TrustVerdict,
)
from gateway.domain.verification import SignatureConclusion, VerificationResult
from gateway.reports.api import Validated

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SIGNED = datetime(2025, 6, 1, 9, 30, 15, tzinfo=UTC)
HOSTILE = 'CN=<script>alert("1")</script> \u202egnp.exe &\x00\ud800'


def integrity(**more):
    given = {
        "kind": SignatureKind.SIGNATURE,
        "crypto_valid": True,
        "structure_valid": True,
        "failure": None,
        "certificate": b"signer",
        "certificate_reference_matches": True,
        "other_certificates": (),
        "time_stamps": (),
        "claimed_signing_time": SIGNED,
        "signature_digests": frozenset({DigestAlgorithm.SHA256}),
        "content_digest": None,
        "covers_whole_document": True,
        "modified_after_signing": False,
        "level": "PAdES-BASELINE-T",
        "covers": ("contract.pdf",),
    }
    return IntegrityVerdict(**{**given, **more})


def conclusion(**more):
    given = {
        "indication": Indication.TOTAL_PASSED,
        "sub_indication": None,
        "message": MessageKey.VALID,
        "integrity": integrity(),
        "trust": TrustVerdict(Trust.GOOD, SIGNED, (b"signer", b"issuer", b"root"), qualification="QESig"),
        "policy": PolicyVerdict(),
        "time_stamps": (
            TimeStampVerdict(True, SIGNED, DigestAlgorithm.SHA256, None, "", TimeStampKind.SIGNATURE, b"tsa", b"token"),
        ),
        "certificate": b"signer",
        "subject": "CN=Ana Țurcanu, C=MD",
        "signed_at": SIGNED,
    }
    return SignatureConclusion(**{**given, **more})


def result(*conclusions, message=MessageKey.VALID):
    return VerificationResult(None, conclusions, message)


def document_time_stamp():
    stamp = TimeStampVerdict(
        True,
        SIGNED,
        DigestAlgorithm.SHA256,
        TrustVerdict(Trust.GOOD, NOW),
        "",
        TimeStampKind.DOCUMENT,
        b"tsa",
        b"second",
    )
    return conclusion(
        integrity=integrity(kind=SignatureKind.DOCUMENT_TIME_STAMP, claimed_signing_time=None, covers=()),
        time_stamps=(stamp,),
        trust=stamp.trust,
        policy=None,
        subject="CN=TSA",
    )


RESULTS = {
    "good": result(conclusion()),
    "without-time": result(conclusion(time_stamps=(), signed_at=None, integrity=integrity(claimed_signing_time=None))),
    "revoked": result(
        conclusion(
            indication=Indication.INDETERMINATE,
            sub_indication=SubIndication.REVOKED_NO_POE,
            message=MessageKey.REVOKED_UNPROVEN,
            trust=TrustVerdict(Trust.REVOKED, NOW, (b"signer", b"root"), SIGNED),
            policy=PolicyVerdict((MessageKey.WEAK_ALGORITHM,), (MessageKey.WEAK_ALGORITHM,)),
        ),
        document_time_stamp(),
        message=MessageKey.REVOKED_UNPROVEN,
    ),
    "broken": result(
        conclusion(
            indication=Indication.TOTAL_FAILED,
            sub_indication=SubIndication.SIG_CRYPTO_FAILURE,
            message=MessageKey.NOT_VALID,
            integrity=integrity(crypto_valid=False, structure_valid=False, failure=IntegrityFailure.VALUE),
            trust=None,
            policy=None,
            time_stamps=(),
            signed_at=None,
            subject=HOSTILE,
        ),
        message=MessageKey.NOT_VALID,
    ),
    "nobody": result(
        conclusion(
            indication=Indication.INDETERMINATE,
            sub_indication=SubIndication.NO_SIGNING_CERTIFICATE_FOUND,
            message=MessageKey.UNDETERMINED,
            integrity=integrity(certificate=None, level=None),
            trust=None,
            certificate=None,
            subject=None,
        ),
        message=MessageKey.UNDETERMINED,
    ),
    "several": result(conclusion(), conclusion(), document_time_stamp(), message=MessageKey.ALL_VALID),
    "time-stamps-alone": result(document_time_stamp(), message=MessageKey.NOT_SIGNED),
    "unreadable": result(message=MessageKey.UNREADABLE),
    "out-of-time": result(message=MessageKey.OUT_OF_TIME),
}


def validated(name):
    return Validated("contract.pdf" if name != "broken" else HOSTILE, RESULTS[name], NOW, "msign-compat", b"\x11" * 32)


@pytest.fixture(params=list(RESULTS))
def anything(request):
    """Each result in turn."""
    return validated(request.param)


@pytest.fixture
def of_result():
    """Gives a validated file by the name of its result."""
    return validated


# ------------------------------------------------------------------ schemas

_GROUP = "eu/europa/ec/joinup/sd-dss"
_JARS = ("specs-validation-report", "specs-xmldsig", "specs-xades", "specs-trusted-list")
_VERSION = "6.4"
_LOCATIONS = {
    "xmldsig-core-schema.xsd": "xmldsig-core-schema.xsd",
    "XAdES.xsd": "XAdES01903v132-202407.xsd",
    "ts_119612v020201_201601xsd.xsd": "ts_119612v020401_xsd.xsd",
}


def _jar(artifact):
    file = Path.home() / ".m2" / "repository" / _GROUP / artifact / _VERSION / f"{artifact}-{_VERSION}.jar"
    if not file.exists():
        if shutil.which("mvn") is None:
            pytest.skip("maven is not installed: apt-get install maven")
        coordinates = f"{_GROUP.replace('/', '.')}:{artifact}:{_VERSION}"
        command = ["mvn", "-q", "-B", "dependency:get", f"-Dartifact={coordinates}", "-Dtransitive=false"]
        subprocess.run(command, check=False, capture_output=True, timeout=180, env=os.environ)
    if not file.exists():
        pytest.skip(f"{artifact} {_VERSION} cannot be had from Maven")
    return file


@pytest.fixture(scope="session")
def schema(tmp_path_factory):
    """The schema of TS 119 102-2 v1.2.2 with those that it imports, as EU DSS publishes them."""
    folder = tmp_path_factory.mktemp("schemas")
    for artifact in _JARS:
        with zipfile.ZipFile(_jar(artifact)) as jar:
            for member in jar.namelist():
                if member.endswith(".xsd"):
                    text = jar.read(member).decode()
                    local = re.sub(
                        r'schemaLocation="[^"]*?([^"/]+)"', lambda m: f'schemaLocation="{_local(m[1])}"', text
                    )
                    local = re.sub(r"<!DOCTYPE.*?\]>", "", local, flags=re.DOTALL)
                    (folder / Path(member).name).write_text(local)
    return etree.XMLSchema(etree.parse(folder / "TS119102-2-v122.xsd"))


def _local(name):
    return _LOCATIONS.get(name, name)


# ------------------------------------------------------------------ a seal


@pytest.fixture(scope="session", params=["rsa", "elliptic"])
def seal_files(request, tmp_path_factory):
    """Certificate and key of a seal."""
    folder = tmp_path_factory.mktemp("seal")
    key = rsa.generate_private_key(65537, 2048) if request.param == "rsa" else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Gateway seal")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=9))
        .sign(key, hashes.SHA256())
    )
    (folder / "seal.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "seal.pem", folder / "key.pem"
