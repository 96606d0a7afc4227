"""Canonical forms where they differ: scope, comments, prefix lists, xml: attributes (examples worked out by hand)."""

from __future__ import annotations

import hashlib
import shutil
import subprocess

import pytest
from lxml import etree

from gateway.formats.xades.canonical import NotCanonicalisable, canonical

EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
C14N_10 = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
C14N_11 = "http://www.w3.org/2006/12/xml-c14n11"

SCOPED = (
    b'<a xmlns="urn:d" xmlns:u="urn:u" xml:lang="ro" xml:space="preserve" x="1">'
    b'<b xmlns:v="urn:v" z="2" xml:lang="en" u:y="&#9;"><!-- c --><u:c/><?p i?>t&amp;<![CDATA[<]]></b>tail</a>'
)


def method(algorithm: str, inside: str = ""):
    return etree.fromstring(f'<m Algorithm="{algorithm}">{inside}</m>')


def prefixes(listed: str) -> str:
    return f'<InclusiveNamespaces xmlns="{EXCLUSIVE}" PrefixList="{listed}"/>'


def of_b(algorithm, inside="", **more) -> bytes:
    return canonical(etree.fromstring(SCOPED)[0], None if algorithm is None else method(algorithm, inside), **more)


BODY = b"%s<u:c%s></u:c><?p i?>t&amp;&lt;</b>"


def test_exclusive_takes_what_is_visibly_used():
    assert of_b(EXCLUSIVE) == b'<b xmlns="urn:d" xmlns:u="urn:u" z="2" xml:lang="en" u:y="&#x9;">' + BODY % (b"", b"")


def test_exclusive_takes_the_prefixes_listed():
    assert of_b(EXCLUSIVE, prefixes("v  u")) == (
        b'<b xmlns="urn:d" xmlns:u="urn:u" xmlns:v="urn:v" z="2" xml:lang="en" u:y="&#x9;">' + BODY % (b"", b"")
    )


@pytest.mark.parametrize("algorithm", [None, C14N_10, C14N_11])
def test_inclusive_takes_all_that_is_in_scope(algorithm):
    """Namespaces and xml: attributes of ancestors, the nearest first; nothing else of theirs."""
    assert of_b(algorithm) == (
        b'<b xmlns="urn:d" xmlns:u="urn:u" xmlns:v="urn:v" z="2" xml:lang="en" xml:space="preserve" u:y="&#x9;">'
        + BODY % (b"", b"")
    )


@pytest.mark.parametrize(
    ("plain", "with_comments"),
    [
        (EXCLUSIVE, f"{EXCLUSIVE}WithComments"),
        (C14N_10, f"{C14N_10}#WithComments"),
        (C14N_11, f"{C14N_11}#WithComments"),
    ],
)
def test_comments_stay_where_the_algorithm_and_the_reference_keep_them(plain, with_comments):
    assert b"<!-- c -->" in of_b(with_comments)
    assert b"<!-- c -->" not in of_b(with_comments, comments=False)
    assert b"<!-- c -->" not in of_b(plain)


def test_the_element_is_left_as_it_was():
    """What is lent for the time being is taken back."""
    root = etree.fromstring(SCOPED)
    before = etree.tostring(root)
    canonical(root[0], method(C14N_10))
    assert etree.tostring(root) == before


@pytest.mark.parametrize("attribute", ['xml:base="urn:b"', 'xml:id="i"'])
def test_c14n_11_below_xml_base_or_xml_id_is_not_guessed(attribute):
    """Version 1.0 takes them over like any other; 1.1 would have to join bases."""
    element = etree.fromstring(f"<a {attribute}><b/></a>")[0]
    with pytest.raises(NotCanonicalisable):
        canonical(element, method(C14N_11))
    assert canonical(element, method(C14N_10)).decode() == f"<b {attribute}></b>"
    assert canonical(element, method(EXCLUSIVE)) == b"<b></b>"


def test_the_default_namespace_in_a_prefix_list_is_not_guessed():
    """lxml does not pass it on; where there is none it says nothing."""
    with pytest.raises(NotCanonicalisable):
        of_b(EXCLUSIVE, prefixes("#default"))
    element = etree.fromstring('<n:a xmlns:n="urn:n"/>')
    assert canonical(element, method(EXCLUSIVE, prefixes("#default n"))) == b'<n:a xmlns:n="urn:n"></n:a>'


@pytest.mark.parametrize(
    ("algorithm", "inside"),
    [
        ("", ""),
        ("urn:unknown", ""),
        ("http://www.w3.org/2000/09/xmldsig#base64", ""),
        ("http://www.w3.org/2010/xml-c14n2", ""),
        (C14N_10, prefixes("u")),
        (EXCLUSIVE, "<other/>"),
        (EXCLUSIVE, prefixes("u") * 2),
    ],
)
def test_other_algorithms_and_parameters_are_not_canonicalisations(algorithm, inside):
    with pytest.raises(NotCanonicalisable):
        of_b(algorithm, inside)


def test_relative_namespaces_are_refused():
    """Canonical XML § 1.3 gives them no form."""
    with pytest.raises(NotCanonicalisable):
        canonical(etree.fromstring('<a xmlns="relative"/>'), method(C14N_10))


@pytest.mark.parametrize("algorithm", [C14N_10, C14N_11, EXCLUSIVE, f"{C14N_10}#WithComments"])
def test_xmlsec1_finds_the_same_octets_below_ancestors(stranger, ana, authority, tmp_path, algorithm):
    """Namespaces, an undeclared default, xml: attributes and comments, by an implementation that is not lxml."""
    if shutil.which("xmlsec1") is None:
        pytest.skip("xmlsec1 is not installed: apt-get install xmlsec1")
    properties = stranger.properties_reference(transforms=(algorithm.removesuffix("#WithComments"),))
    text = stranger.draft(ana.der, hashlib.sha256(b"x").digest(), c14n=algorithm, properties=properties)
    text = text.replace("</ds:SignatureMethod>", "</ds:SignatureMethod><!-- a comment -->")
    root = etree.fromstring(
        '<w xml:lang="ro" xml:space="preserve" xmlns:far="urn:far" xmlns="urn:q">'
        f'<z xmlns="" xml:lang="en">{text}</z></w>'
    )
    signature = root[0][0]
    reference = signature.findall("{*}SignedInfo/{*}Reference")[1]
    octets = canonical(root.find(".//{*}SignedProperties"), reference.find(".//{*}Transform"), comments=False)
    reference.find("{*}DigestValue").text = stranger.b64(hashlib.sha256(octets).digest())
    octets = canonical(signature.find("{*}SignedInfo"), signature.find(".//{*}CanonicalizationMethod"))
    signature.find("{*}SignatureValue").text = stranger.b64(stranger.ecdsa(ana.key)(octets))
    (tmp_path / "signature.xml").write_bytes(etree.tostring(root))
    (tmp_path / "content").write_bytes(b"x")
    (tmp_path / "root.pem").write_bytes(authority.pem)
    command = ["xmlsec1", "--verify", "--id-attr:Id", "http://uri.etsi.org/01903/v1.3.2#:SignedProperties"]
    command += ["--enabled-reference-uris", "same-doc,remote", "--trusted-pem", "root.pem", "signature.xml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, "(ok/all): 2/2" in done.stdout + done.stderr) == (0, True)
