"""
Deliberate bugs in the rules by which signatures are judged; each must be caught by the tests that are named with it.

A bug is a file, a text that stands in it exactly once, what stands there instead, and what that breaks.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bug:
    """*file* and *tests* relative to the project."""

    file: str
    text: str
    instead: str
    breaks: str
    tests: tuple[str, ...]


_PADES = (
    "tests/formats/pades/test_changes.py",
    "tests/formats/pades/test_reading.py",
    "tests/formats/pades/test_reader.py",
)
_ATTACKS = ("tests/formats/pades/test_attacks.py",)
_XADES = (
    "tests/formats/xades/test_attacks.py",
    "tests/formats/xades/test_reading.py",
    "tests/formats/xades/test_files.py",
)
_DOMAIN = ("tests/domain",)
_OPERATIONS = ("tests/operations/test_verify_signatures.py",)
_TRUST = (
    "tests/trust/test_judge_paths.py",
    "tests/trust/test_judge_status.py",
    "tests/trust/test_crl.py",
    "tests/trust/test_evidence.py",
)
_TOKENS = ("tests/timestamps/test_tokens.py",)
_AT = "gateway/formats/pades/"

BUGS = (
    # ------------------------------------------------------------ what a PDF signature covers
    Bug(
        _AT + "reading.py",
        "return start == 0 < length < second and",
        "return 0 < length < second and",
        "a range may leave out the beginning of the document",
        _PADES,
    ),
    Bug(
        _AT + "reading.py",
        'return bytes.fromhex(digits + "0" * (len(digits) % 2)) == one.contents',
        "return bool(digits)",
        "the hole may hold other digits than the signature's Contents",
        _PADES,
    ),
    Bug(
        _AT + "reading.py",
        "modified_after_signing=False if whole else one.modified,",
        "modified_after_signing=False,",
        "later changes are not told",
        _PADES,
    ),
    Bug(
        _AT + "reading.py",
        "elif not covered or imprint != covered:",
        "elif not covered:",
        "a document time-stamp may be of another document",
        _PADES,
    ),
    Bug(
        _AT + "reading.py",
        "return one.span is not None and one.span[0] >= one.end",
        "return False and one.end >= 0",
        "a copy of a signature in a later revision passes for it",
        _PADES,
    ),
    # ------------------------------------------------------------ its CMS
    Bug(
        _AT + "checking.py",
        "if content is None or not hmac.compare_digest(named, der.octet_string(content)):",
        "if content is None:",
        "the signed digest may be of another document",
        _PADES,
    ),
    Bug(
        _AT + "checking.py",
        "return value_holds(key, scheme, signed.value, signed.signed_octets, own_digest)",
        "return bool(key or own_digest)",
        "any value is a signature",
        _PADES,
    ),
    Bug(
        _AT + "checking.py",
        "matches = _all_match(references, certificate)",
        "matches = True",
        "a signature may name another certificate than the one it is judged by",
        _PADES,
    ),
    Bug(
        _AT + "checking.py",
        "if scheme is None or (scheme.fixed and scheme.digest != signed.digest):",
        "if scheme is None:",
        "Ed448 holds with a digest that it forbids",
        _PADES,
    ),
    Bug(
        _AT + "cms_reading.py",
        "octets = distinguished(octets)",
        "octets = bytes(octets)",
        "signed attributes count as they were sent, and not in DER",
        _PADES,
    ),
    Bug(
        _AT + "algorithms.py",
        "return recovered in forms",
        "return bool(forms) and recovered.endswith(digest)",
        "anything may stand before the digest in a PKCS#1 value",
        _PADES,
    ),
    # ------------------------------------------------------------ what came after it
    Bug(
        _AT + "changes.py",
        "return None if allowed == MDPPerm.ANNOTATE else True",
        "return None if allowed == MDPPerm.ANNOTATE else False",
        "what the analysis refuses counts as unmodified",
        _ATTACKS,
    ),
    Bug(
        _AT + "changes.py",
        "return allowed not in _FILLING and bool(_filled(reader, result, signed.signed_revision))",
        "return False",
        "forms may be filled in without permission",
        _PADES,
    ),
    Bug(
        _AT + "changes.py",
        "if _fills_gaps(reader, signed.signed_revision):",
        "if _fills_gaps(reader, reader.xrefs.total_revisions - 1):",
        "what was missing when it was signed may be given later",
        _ATTACKS,
    ),
    Bug(
        _AT + "changes.py",
        "return bool(rest.strip(_BLANK))",
        "return False",
        "objects behind the last revision are not told",
        _PADES,
    ),
    Bug(
        _AT + "surveying.py",
        "modified = None\n",
        "modified = False\n",
        "an analysis that failed counts as unmodified",
        _ATTACKS,
    ),
    # ------------------------------------------------------------ XML
    Bug(
        "gateway/formats/xades/references.py",
        "return Finding.HOLDS if hmac.compare_digest(digest, reference.digest) else otherwise",
        "return Finding.HOLDS if digest else otherwise",
        "the digest of a reference is not compared",
        _XADES,
    ),
    Bug(
        "gateway/formats/xades/placing.py",
        "return all(ids.unique(name) for element in own for name in ids_of(element))",
        "return True",
        "an Id of the signature's own parts may occur twice",
        _XADES,
    ),
    Bug(
        "gateway/formats/xades/placing.py",
        "if pointing != referring or referring[0].type not in SIGNED_PROPERTIES_TYPES:",
        "if referring[0].type not in SIGNED_PROPERTIES_TYPES:",
        "SignedProperties may be referred to elsewhere",
        _XADES,
    ),
    # ------------------------------------------------------------ what verdicts come to
    Bug(
        "gateway/domain/conclusions.py",
        "if integrity.modified_after_signing:",
        "if integrity.modified_after_signing and integrity.covers_whole_document:",
        "a modified document is valid",
        _DOMAIN,
    ),
    Bug(
        "gateway/domain/conclusions.py",
        "unjudged = integrity.covers_whole_document is False and integrity.modified_after_signing is None",
        "unjudged = False",
        "a document whose later changes could not be judged is valid",
        _DOMAIN,
    ),
    Bug(
        "gateway/domain/policy.py",
        "proved_at is not None and proved_at < limit:",
        "proved_at is not None:",
        "SHA-1 in a signature is accepted without an end",
        _DOMAIN,
    ),
    Bug(
        "gateway/domain/policy.py",
        "if rule.family is key.family and key.bits >= rule.bits and",
        "if rule.family is key.family and",
        "keys of any size are accepted",
        _DOMAIN,
    ),
    # ------------------------------------------------------------ the operation
    Bug(
        "gateway/operations/time_stamps.py",
        "if not _imprint_holds(reading, covered):",
        "if not covered:",
        "a time-stamp may be of something else",
        _OPERATIONS,
    ),
    Bug(
        "gateway/operations/time_stamps.py",
        "if reading.gen_time > self.now + _CLOCK_SKEW:",
        "if reading.gen_time.year > 9000:",
        "a time-stamp may be of the future",
        _OPERATIONS,
    ),
    # ------------------------------------------------------------ trust
    Bug(
        "gateway/trust/usage.py",
        "if extended is None or not extended.critical or list(extended.value) != [Eku.TIME_STAMPING]:",
        "if extended is None:",
        "any certificate with an extended key usage may stamp times",
        _TRUST,
    ),
    Bug(
        "gateway/trust/crl.py",
        "if not may_sign_crls(issuer) or not _holds(parsed, der, tbs, issuer):",
        "if not may_sign_crls(issuer):",
        "anybody may write a certificate revocation list",
        _TRUST,
    ),
    Bug(
        "gateway/trust/usage.py",
        "return extended is not None and Eku.OCSP_SIGNING in extended.value",
        "return responder is not None",
        "any certificate below the issuer may answer for its status",
        _TRUST,
    ),
    # ------------------------------------------------------------ time-stamp tokens
    Bug(
        "gateway/timestamps/tokens.py",
        "if not hmac.compare_digest(parts.message_digest, _digest(parts.digest_algorithm, parts.content)):",
        "if not parts.message_digest:",
        "a token's time and imprint may be exchanged",
        _TOKENS,
    ),
    Bug(
        "gateway/timestamps/tokens.py",
        "if not all(signer.is_meant(reference) for reference in parts.references):",
        "if not parts.references:",
        "a token may refer to another certificate than its signer's",
        _TOKENS,
    ),
)
