"""What you see is what you sign: a single-use token over what the signer was shown (decision 6)."""

from __future__ import annotations

import hashlib
import json

from gateway.domain.appearance import VisibleSignature
from gateway.domain.contents import ContentDigest
from gateway.domain.requests import SignRequest


def consent_token(
    nonce: bytes, request: SignRequest, certificate: bytes | None, appearance: VisibleSignature | None = None
) -> str:
    """
    The token that a consent form carries, in hexadecimal.

    It binds, in order, every content's digest and name, the texts shown, how the signatures will be seen (*appearance*;
    None where they will not), and the signing certificate (DER; None for keys made only after consent). *nonce* is the
    session's, used once; nobody can make a token without it.
    """
    shown = {
        "request": request.id,
        "texts": [request.short_description, request.description, request.signature_reason],
        "contents": [
            [
                content.name,
                content.correlation_id,
                content.content.value.hex()
                if isinstance(content.content, ContentDigest)
                else content.content.sha256.hex(),
            ]
            for content in request.contents
        ],
        "certificate": hashlib.sha256(certificate).hexdigest() if certificate is not None else None,
        "appearance": appearance.sha256.hex() if appearance is not None else None,
    }
    canonical = json.dumps(shown, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(nonce + hashlib.sha256(canonical).digest()).hexdigest()
