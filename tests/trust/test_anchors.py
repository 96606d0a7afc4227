"""Trust anchors are read from files, and a file that cannot be used is named."""

from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.errors import ConfigurationError
from gateway.trust.anchors import load_anchors


def pem(*holders):
    return b"# a note\n" + b"\n".join(holder.cert.public_bytes(Encoding.PEM) for holder in holders)


def test_pem_and_der_files_with_one_or_more_certificates_are_read(kit, tmp_path):
    first, second, third = kit.root("First"), kit.root("Second"), kit.root("Third")
    middle = first.issue("Middle", ca=True)
    (tmp_path / "several.pem").write_bytes(pem(first, middle, second))
    (tmp_path / "one.cer").write_bytes(third.der)
    (tmp_path / "README.md").write_text("who put these here")
    (tmp_path / ".hidden").write_text("nothing")
    anchors = load_anchors(tmp_path)
    assert set(anchors.anchors) == {first.der, second.der, third.der}
    assert anchors.intermediates == (middle.der,)
    assert anchors.plain_number == frozenset()


def test_a_certificate_named_like_its_issuer_but_not_signed_by_itself_is_no_anchor(kit, tmp_path):
    first, namesake = kit.root("Same"), kit.root("Same")
    rekeyed = first.issue("Same", ca=True, key=namesake.key)
    (tmp_path / "a.pem").write_bytes(pem(first, rekeyed))
    anchors = load_anchors(tmp_path)
    assert anchors.anchors == (first.der,)
    assert anchors.intermediates == (rekeyed.der,)


def test_the_subfolder_makes_anchors_of_certificates_that_are_not_self_signed(kit, tmp_path):
    middle = kit.root().issue("Middle", ca=True)
    (tmp_path / "anchors").mkdir()
    (tmp_path / "anchors" / "middle.crt").write_bytes(middle.der)
    (tmp_path / "again.pem").write_bytes(pem(middle))
    anchors = load_anchors(tmp_path)
    assert anchors.anchors == (middle.der,)
    assert anchors.intermediates == ()


def test_authorities_of_plain_numbers_are_named_by_subject_or_fingerprint(kit, tmp_path):
    first, second = kit.root("First"), kit.root("Second")
    (tmp_path / "a.pem").write_bytes(pem(first, second))
    print_of_second = sha256(second.der).hexdigest().upper()
    coloned = ":".join(print_of_second[i : i + 2] for i in range(0, 64, 2))
    anchors = load_anchors(tmp_path, plain_number_issuers=["CN=First,C=MD", coloned])
    assert anchors.plain_number == {sha256(first.der).digest(), sha256(second.der).digest()}
    with pytest.raises(ConfigurationError, match="CN=Third"):
        load_anchors(tmp_path, plain_number_issuers=["CN=Third"])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a certificate",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    ],
)
def test_a_file_that_is_no_certificate_is_named(kit, tmp_path, content):
    (tmp_path / "good.pem").write_bytes(pem(kit.root()))
    (tmp_path / "wrong.pem").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"wrong\.pem"):
        load_anchors(tmp_path)


def test_a_private_key_among_anchors_is_refused_without_being_quoted(kit, tmp_path):
    top = kit.root()
    key = top.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "mixed.pem").write_bytes(pem(top) + key)
    with pytest.raises(ConfigurationError, match="private key") as caught:
        load_anchors(tmp_path)
    assert key.splitlines()[1].decode() not in str(caught.value)


def test_an_empty_missing_or_oddly_built_folder_is_refused(kit, tmp_path):
    with pytest.raises(ConfigurationError, match="no self-signed"):
        load_anchors(tmp_path)
    with pytest.raises(ConfigurationError, match="not a folder"):
        load_anchors(tmp_path / "absent")
    (tmp_path / "a.pem").write_bytes(pem(kit.root()))
    (tmp_path / "old").mkdir()
    with pytest.raises(ConfigurationError, match="old"):
        load_anchors(tmp_path)


def test_a_huge_file_is_not_read(kit, tmp_path):
    with (tmp_path / "huge.pem").open("wb") as stream:
        stream.truncate(64 * 1024 * 1024)
    with pytest.raises(ConfigurationError, match="larger"):
        load_anchors(tmp_path)
