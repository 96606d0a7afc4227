"""The corpus made once, and both verifiers' answers about all of it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

_HERE = Path(__file__).resolve().parent


def _module(name: str, folder: Path = _HERE) -> ModuleType:
    """A plain module; tests are not a package."""
    known = f"trust_corpus_{name}"
    if known not in sys.modules:
        spec = importlib.util.spec_from_file_location(known, folder / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[known] = module
        spec.loader.exec_module(module)
    return sys.modules[known]


def pytest_generate_tests(metafunc):
    """Every case in every form, for tests that ask for *name* and *form*."""
    if "form" in metafunc.fixturenames:
        every = [
            (name, form)
            for name, case in _module("cases").CASES.items()
            for form in ("xades", "pades")
            if form == "pades" or not case.pdf_only
        ]
        metafunc.parametrize(("name", "form"), every, ids=[f"{name}-{form}" for name, form in every])


@pytest.fixture(scope="session")
def worlds() -> ModuleType:
    """The module ``world``."""
    return _module("world")


@pytest.fixture(scope="session")
def cases() -> ModuleType:
    """The module ``cases``."""
    return _module("cases")


@pytest.fixture(scope="session")
def corpus(worlds, cases, tmp_path_factory):
    """Files by (case, form), with the world's services up."""
    world = worlds.World()
    folder = tmp_path_factory.mktemp("trust-corpus")
    (folder / "anchors").mkdir()
    (folder / "anchors" / "root.pem").write_bytes(world.root.cert.public_bytes(worlds.Encoding.PEM))
    files = {}
    for name, case in cases.CASES.items():
        for form, ending in (("xades", "xml"), ("pades", "pdf")):
            if form == "xades" and case.pdf_only:
                continue
            path = folder / f"{name}.{ending}"
            path.write_bytes(case.make(cases.Scene(worlds, world, name.replace("_", " "), form)))
            files[name, form] = path
    yield folder, files
    world.close()


@pytest.fixture(scope="session")
def dss():
    """The module ``dss_oracle`` with EU DSS built, or a skip that says what this machine lacks."""
    oracle = _module("dss_oracle", _HERE.parent / "oracles")
    try:
        oracle.build()
    except oracle.DssUnavailable as lacking:
        pytest.skip(str(lacking))
    return oracle


@pytest.fixture(scope="session")
def dss_says(dss, corpus, worlds):
    """EU DSS's report by (case, form)."""
    folder, files = corpus
    inputs = [
        dss.DssInput(path, "SHA256", worlds.DIGEST) if form == "xades" else dss.DssInput(path)
        for (_, form), path in files.items()
    ]
    reports = dss.validate(inputs, [folder / "anchors"])
    return dict(zip(files, reports, strict=True))


@pytest.fixture(scope="session")
def we_say(corpus, worlds):
    """Our conclusions by (policy, case, form)."""
    from gateway.app import House
    from gateway.domain.contents import ContentType
    from gateway.settings import settings_from

    folder, files = corpus
    said = {}
    for policy in ("etsi", "msign-compat"):
        given = {
            "environment": "sandbox",
            "trust": {"signer_anchors": "anchors", "tsa_anchors": "anchors", "allow_loopback": True},
            "validation": {"policy": policy},
        }
        verify = House(settings_from(given, folder)).verify_signatures
        for (name, form), path in files.items():
            kind, content = (ContentType.HASH, worlds.DIGEST) if form == "xades" else (ContentType.PDF, None)
            with path.open("rb") as stream:
                said[policy, name, form] = verify.verify_one(kind, stream, content)
    return said
