"""What every client is asked to do: five requests are posted; when signers have been there, everything is asked for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gateway.demo.documents import letter
from gateway.demo.spoiling import spoiled_document, spoiled_signature
from gateway.sandbox.persons import PERSONS, TestPerson
from tests.clients.town import ClientTown, text

ANA, ION = PERSONS[0], PERSONS[1]
ALGORITHMS = ("sha1", "sha256", "sha384", "sha512")
NOBODYS = "0123456789abcdef0123456789abcdef"
SIGNERS = {"hashes": ANA, "documents": ION}
Step = dict[str, Any]


def posts() -> list[Step]:
    """The requests, with every member of the contract somewhere; members in no order that the wire would have."""
    return [
        _post(
            "hashes",
            ShortContentDescription="Semnați: ăîâșț & <tot> „ok”",
            ContentType="Hash",
            ContentDescription="Документы №7 — anexă",
            ExpectedSigner={
                "ID": ANA.personal_identifier,
                "DelegatorType": "None",
                "DelegatedRoleID": 0,
            },
            Contents=[
                {"Name": f"Anexă {name} <a&b>.txt", "CorrelationID": f"c-{name}-ș", "Content": text(digest(name))}
                for name in ALGORITHMS[:-1]
            ]
            + [{"Content": text(digest(ALGORITHMS[-1]))}],
        ),
        _post(
            "documents",
            ContentType="Pdf",
            ShortContentDescription="Two documents",
            ContentDescription="Two documents of a test",
            SignatureReason="Aprobat în întregime",
            ExpectedSigner={"ID": ION.personal_identifier},
            Contents=[
                {"Content": text(document(1)), "CorrelationID": "d1", "Name": "unu.pdf", "MultipleSignatures": True},
                {"Content": text(document(2)), "CorrelationID": "d2", "Name": "doi.pdf", "MultipleSignatures": False},
            ],
        ),
        *(
            _post(
                name, ContentType="Hash", ShortContentDescription=name, Contents=[{"Content": text(digest("sha256"))}]
            )
            for name in ("pending", "cancelled", "expired")
        ),
    ]


def digest(algorithm: str) -> bytes:
    return hashlib.new(algorithm, f"a content for {algorithm}".encode()).digest()


def document(number: int) -> bytes:
    return letter(f"TEST document {number}", ["It binds nobody to anything.", "Amount due: 100 lei"])


def _post(name: str, **request: Any) -> Step:
    return {"name": name, "identity": "consumer", "operation": "PostSignRequest", "request": request}


def _get(name: str, request_id: str, identity: str = "consumer", **language: str) -> Step:
    step = {"name": name, "identity": identity, "operation": "GetSignResponse", "requestID": request_id}
    return {**step, **language}


def _verify(name: str, kind: str, contents: list[dict[str, str]], **language: str) -> Step:
    request = {"SignedContentType": kind, "Contents": contents, **language}
    return {"name": name, "identity": "consumer", "operation": "VerifySignatures", "request": request}


@dataclass
class Signed:
    """The requests of one client after signers were there: ids by name, signatures in order, and when it was."""

    ids: dict[str, str]
    began: datetime
    ended: datetime
    signatures: dict[str, list[bytes]] = field(default_factory=dict)


def signers_come(town: ClientTown, ids: dict[str, str]) -> Signed:
    """Two requests are signed, one is cancelled, one expires; one is left alone."""
    began = datetime.now(UTC).replace(microsecond=0)
    signers: dict[str, TestPerson] = SIGNERS
    for name, person in signers.items():
        town.sign(ids[name], person)
    town.cancel(ids["cancelled"], ANA)
    town.let_expire(ids["expired"])
    signed = Signed(ids, began, datetime.now(UTC))
    for name in signers:
        signed.signatures[name] = [town.octets(item.result) for item in town.record(ids[name]).progress]
    return signed


def questions(signed: Signed) -> list[Step]:
    """Everything that is asked afterwards: each state, good and spoiled signatures, every fault."""
    return [*_states(signed.ids), *_verifications(signed), *_faults(signed)]


def _states(ids: dict[str, str]) -> list[Step]:
    return [
        _get("pending", ids["pending"]),
        _get("pending in Russian", ids["pending"], language="ru"),
        _get("hashes", ids["hashes"], language="en"),
        _get("documents", ids["documents"], language="ro"),
        _get("cancelled", ids["cancelled"], language="en"),
        _get("cancelled in Russian", ids["cancelled"], language="ru"),
        _get("expired", ids["expired"]),
        _get("expired in English", ids["expired"], language="en"),
    ]


def _verifications(signed: Signed) -> list[Step]:
    hashes, documents = signed.signatures["hashes"], signed.signatures["documents"]
    good = [
        {"Signature": text(one), "CorrelationID": f"v-{name}-ț", "Content": text(digest(name))}
        for name, one in zip(ALGORITHMS, hashes, strict=True)
    ]
    spoiled = [
        {
            "Content": text(digest("sha256")),
            "Signature": text(spoiled_signature(hashes[1])),
            "CorrelationID": "changed",
        },
        {"Content": text(digest("sha256")[::-1]), "Signature": text(hashes[1]), "CorrelationID": "other hash"},
        {"Content": text(digest("sha256")), "Signature": text(b"no signature at all")},
    ]
    changed = spoiled_document(documents[0], b"Amount due: 100 lei", b"Amount due: 900 lei")
    return [
        _verify("good hashes", "Hash", good, Language="en"),
        _verify("spoiled hashes", "Hash", spoiled, Language="ru"),
        _verify("one good hash", "Hash", good[:1]),
        _verify(
            "good documents",
            "Pdf",
            [{"Signature": text(one), "CorrelationID": f"d{i}"} for i, one in enumerate(documents)],
            Language="en",
        ),
        _verify(
            "spoiled document",
            "Pdf",
            [
                {"Signature": text(changed), "CorrelationID": "changed"},
                {"Signature": text(document(1)), "CorrelationID": "unsigned"},
            ],
            Language="ro",
        ),
    ]


def _faults(signed: Signed) -> list[Step]:
    stranger = {"identity": "stranger"}
    bad_number = _post(
        "number of three digits",
        ContentType="Hash",
        ShortContentDescription="x",
        ExpectedSigner={"ID": "123"},
        Contents=[{"Content": text(digest("sha256"))}],
    )
    return [
        {**posts()[0], "name": "stranger posts", **stranger},
        _get("stranger gets", signed.ids["hashes"], **stranger),
        {**_verifications(signed)[2], "name": "stranger verifies", **stranger},
        _get("another gets", signed.ids["hashes"], "other", language="en"),
        bad_number,
        _post("no contents", ContentType="Hash", ShortContentDescription="x", Contents=[]),
        _verify("no hash", "Hash", [{"Signature": text(signed.signatures["hashes"][0])}]),
        _get("unknown language", signed.ids["hashes"], language="de"),
        _get("unknown request", NOBODYS),
    ]
