"""
EU DSS as an oracle: built once with Maven, run as one JVM for many files.

``dss_available`` says what a machine lacks; ``build`` makes ``dss/target/dss-oracle.jar`` when its sources changed;
``validate`` asks. What DSS is told and which policy it follows stands in README.md beside this file.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_PROJECT = Path(__file__).resolve().parent / "dss"
_TARGET = _PROJECT / "target"
_JAR = _TARGET / "dss-oracle.jar"
_STAMP = _TARGET / "sources.sha256"
_BUILD_SECONDS = 580
_START_SECONDS = 60
_FILE_SECONDS = 20
_NOT_FETCHED = re.compile(r"Could not (transfer|resolve|find) |offline mode|has not been downloaded|Unknown host")


class DssUnavailable(Exception):
    """EU DSS cannot be had on this machine; the text says what to install or run."""


@dataclass(frozen=True, slots=True)
class DssInput:
    """A signed file; *algorithm* (SHA1, SHA256, SHA384, SHA512) and *digest* of the content for detached XAdES."""

    path: Path
    algorithm: str | None = None
    digest: bytes | None = None

    @property
    def argument(self) -> str:
        return str(self.path) if self.digest is None else f"{self.path}:{self.algorithm}:{self.digest.hex()}"


@dataclass(frozen=True, slots=True)
class DssTimeStamp:
    """A time-stamp: its own indication is PASSED, FAILED or INDETERMINATE."""

    indication: str
    sub_indication: str | None
    production_time: datetime | None
    produced_by: str | None
    errors: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DssSignature:
    """One signature as EN 319 102-1 words it: TOTAL-PASSED, TOTAL-FAILED or INDETERMINATE. Texts are DSS's own."""

    indication: str
    sub_indication: str | None
    level: str
    signature_algorithm: str | None
    intact: bool
    qualification: str | None
    signed_by: str | None
    signing_time: datetime | None
    best_signature_time: datetime | None
    structure_errors: tuple[str, ...]
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    infos: tuple[str, ...]
    time_stamps: tuple[DssTimeStamp, ...]


@dataclass(frozen=True, slots=True)
class DssReport:
    """Everything DSS found in one file; *unreadable* says why it found nothing. *certificates* is for diagnosis."""

    path: Path
    signatures: tuple[DssSignature, ...]
    unreadable: str | None
    policy: str | None
    certificates: tuple[dict[str, object], ...]

    @property
    def signature(self) -> DssSignature:
        """The only signature."""
        (only,) = self.signatures
        return only


def dss_available() -> str | None:
    """None when a JDK and Maven are here, else what is missing with the line that installs it."""
    missing = [program for program in ("java", "javac", "mvn") if shutil.which(program) is None]
    if missing:
        return f"EU DSS needs {', '.join(missing)}: apt-get install openjdk-17-jdk-headless maven"
    return None


def build() -> Path:
    """
    The runnable jar, built when the sources changed; safe when several processes ask at once.

    Maven is asked offline first and over the network only where its local repository lacks something.

    Raises:
        DssUnavailable: No JDK, no Maven, or the libraries can be had neither locally nor over the network.
        RuntimeError: The build itself failed.

    """
    reason = dss_available()
    if reason is not None:
        raise DssUnavailable(reason)
    _TARGET.mkdir(exist_ok=True)
    with (_TARGET / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = _sources_digest()
        if _JAR.exists() and _STAMP.exists() and _STAMP.read_text() == wanted:
            return _JAR
        problem = _maven("-o")
        if problem is not None and _NOT_FETCHED.search(problem):
            problem = _maven()
        if problem is not None and _NOT_FETCHED.search(problem):
            raise DssUnavailable(
                "EU DSS's libraries are not on this machine: run once with network "
                "mvn -f tests/oracles/dss/pom.xml package"
            )
        if problem is not None:
            raise RuntimeError(f"EU DSS oracle does not build:\n{problem}")
        _STAMP.write_text(wanted)
    return _JAR


def _sources_digest() -> str:
    whole = hashlib.sha256()
    for path in [_PROJECT / "pom.xml", *sorted((_PROJECT / "src").rglob("*.java"))]:
        whole.update(path.relative_to(_PROJECT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return whole.hexdigest()


def _maven(*options: str) -> str | None:
    """None, or the last lines of what Maven complained about."""
    done = subprocess.run(
        ["mvn", "-q", "-B", *options, "package"],
        cwd=_PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_BUILD_SECONDS,
        check=False,
    )
    return None if done.returncode == 0 else done.stdout.decode("utf-8", "replace")[-4000:]


def validate(
    files: Sequence[DssInput],
    anchors: Sequence[Path],
    *,
    online: bool = True,
    aia: bool = False,
    trusted_list: tuple[Path, Path] | None = None,
) -> list[DssReport]:
    """
    Ask DSS about *files* in one JVM; answers keep the order.

    *anchors* are folders of PEM certificates. *online* lets it fetch OCSP responses and CRLs over loopback HTTP,
    *aia* also issuers' certificates. *trusted_list* is a list's file and the folder of its signers' certificates. Raises ``DssUnavailable``, and ``RuntimeError`` when the JVM does not answer.
    """
    command = ["java", "-Xmx1g", "-Djava.awt.headless=true", "-jar", str(build()), "--json"]
    command += [part for folder in anchors for part in ("--anchors", str(folder))]
    command += ["--online"] if online else []
    command += ["--aia"] if aia else []
    command += ["--list", str(trusted_list[0]), "--list-signers", str(trusted_list[1])] if trusted_list else []
    done = subprocess.run(
        [*command, *(file.argument for file in files)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_START_SECONDS + _FILE_SECONDS * len(files),
        check=False,
    )
    lines = done.stdout.decode("utf-8").splitlines()
    if done.returncode != 0 or len(lines) != len(files):
        raise RuntimeError(f"EU DSS did not answer: {done.stderr.decode('utf-8', 'replace')[:2000]}")
    return [_report(json.loads(line)) for line in lines]


def _report(facts: dict) -> DssReport:
    return DssReport(
        path=Path(facts["file"]),
        signatures=tuple(_signature(one) for one in facts["signatures"]),
        unreadable=facts.get("unreadable"),
        policy=facts.get("policy"),
        certificates=tuple(facts.get("certificates", ())),
    )


def _signature(facts: dict) -> DssSignature:
    return DssSignature(
        indication=facts["indication"].replace("_", "-"),
        sub_indication=facts["subIndication"],
        level=facts["level"],
        signature_algorithm=facts["signatureAlgorithm"],
        intact=facts["intact"],
        qualification=facts["qualification"],
        signed_by=facts["signedBy"],
        signing_time=_time(facts["signingTime"]),
        best_signature_time=_time(facts["bestSignatureTime"]),
        structure_errors=tuple(facts["structureErrors"]),
        errors=_texts(facts["errors"]),
        warnings=_texts(facts["warnings"]),
        infos=_texts(facts["infos"]),
        time_stamps=tuple(_time_stamp(one) for one in facts["timeStamps"]),
    )


def _time_stamp(facts: dict) -> DssTimeStamp:
    return DssTimeStamp(
        indication=facts["indication"],
        sub_indication=facts["subIndication"],
        production_time=_time(facts["productionTime"]),
        produced_by=facts["producedBy"],
        errors=_texts(facts["errors"]),
        warnings=_texts(facts["warnings"]),
    )


def _texts(messages: Sequence[dict[str, str]]) -> tuple[str, ...]:
    return tuple(f"{message['key']}: {message['text']}" for message in messages)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
