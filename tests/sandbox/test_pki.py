"""The sandbox's certificates: what they say, where they lie, and that an existing one is used again."""

from __future__ import annotations

import json
import ssl
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku
from cryptography.x509.oid import NameOID

from gateway.errors import ConfigurationError, KeyStoreUnavailable
from gateway.sandbox import plan
from gateway.sandbox.pki import create_sandbox, open_sandbox
from gateway.trust.anchors import load_anchors

LEAVES = [s.name for s in plan.SERVICES]


def loaded(town, name):
    return x509.load_der_x509_certificate(town.sandbox.certificates[name])


def value(certificate, kind):
    return certificate.extensions.get_extension_for_class(kind).value


def test_every_certificate_says_that_it_is_a_test(town):
    for name in town.sandbox.certificates:
        (attribute,) = loaded(town, name).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        assert "TEST" in attribute.value


@pytest.mark.parametrize("name", [*LEAVES, "issuing"])
def test_openssl_finds_a_strict_path_from_every_certificate_to_its_own_root(town, openssl, tmp_path, name):
    """… and to no other root: signers, time-stamping and TLS are believed apart."""
    issuer = next((s.issuer for s in plan.SERVICES if s.name == name), "root")
    root = {"issuing": "root"}.get(issuer, issuer)
    folder = town.sandbox.folder / "certificates"
    untrusted = [] if issuer == root else ["-untrusted", folder / f"{issuer}.pem"]
    for candidate in ("root", "time-stamping", "tls"):
        command = ["verify", "-x509_strict", "-CAfile", folder / f"{candidate}.pem", *untrusted, folder / f"{name}.pem"]
        result = openssl(*command)
        assert (result.returncode == 0) == (candidate == root), result.stderr


def test_the_anchors_folders_hold_one_root_each_and_are_read_by_the_trust_room(town):
    folders = {town.sandbox.signer_anchors: "root", town.sandbox.tsa_anchors: "time-stamping"}
    folders[town.sandbox.consumer_anchors] = "tls"
    for folder, name in folders.items():
        anchors = load_anchors(folder)
        assert anchors.anchors == (town.sandbox.certificates[name],)
        assert not anchors.intermediates
    assert town.sandbox.tls_anchor_file.exists()


def test_the_time_stamping_certificate_is_for_time_stamping_alone(town):
    usage = loaded(town, "tsa").extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert usage.critical
    assert list(usage.value) == [Eku.TIME_STAMPING]


def test_certificates_point_to_the_sandboxs_address_except_responders(town):
    for service in plan.SERVICES:
        certificate = loaded(town, service.name)
        if service in plan.RESPONDERS:
            assert value(certificate, x509.OCSPNoCheck)
            assert list(value(certificate, x509.ExtendedKeyUsage)) == [Eku.OCSP_SIGNING]
            with pytest.raises(x509.ExtensionNotFound):
                value(certificate, x509.AuthorityInformationAccess)
            continue
        places = [d.access_location.value for d in value(certificate, x509.AuthorityInformationAccess)]
        places.append(value(certificate, x509.CRLDistributionPoints)[0].full_name[0].value)
        base = town.sandbox.base_url
        expected = [f"{base}/{where}".format(service.issuer) for where in ("ocsp/{}", "ca/{}.cer", "crl/{}.crl")]
        assert places == expected


def test_private_files_are_their_owners_alone(town):
    private = list((town.sandbox.folder / "private").iterdir())
    assert {f.name for f in private} == {"server.pem", "consumer.pem", "stranger.pem"}
    assert all(f.stat().st_mode & 0o777 == 0o600 for f in private)
    assert town.sandbox.folder.stat().st_mode & 0o777 == 0o700


def test_the_tls_certificates_make_a_mutual_handshake_under_strict_checking(town):
    """Server and demo e-service know each other by the TLS authority; the name checked is 127.0.0.1."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*town.sandbox.server_files)
    server.load_verify_locations(town.sandbox.tls_anchor_file)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(cafile=town.sandbox.tls_anchor_file)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    server.verify_flags |= ssl.VERIFY_X509_STRICT
    client.load_cert_chain(*town.sandbox.consumer_files)
    for name in ("127.0.0.1", "localhost"):
        assert _handshake(server, client, name) == town.sandbox.certificates["consumer"]
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(server, client, "bank.example")


def _handshake(server, client, name):
    """Over memory: no socket, no port."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    waiting = [ours, theirs]
    for _ in range(20):
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                pass
        if not waiting:
            return theirs.getpeercert(binary_form=True)
    raise AssertionError("the handshake does not end")


def test_the_servers_certificate_is_not_accepted_as_a_consumers(town):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*town.sandbox.server_files)
    server.load_verify_locations(town.sandbox.tls_anchor_file)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(cafile=town.sandbox.tls_anchor_file)
    client.load_cert_chain(*town.sandbox.server_files)
    with pytest.raises(ssl.SSLError):
        _handshake(server, client, "localhost")


def test_the_stranger_holds_a_good_signing_key_of_the_same_authority(town):
    key_pem, der, chain = town.sandbox.stranger()
    key = serialization.load_pem_private_key(key_pem, None)
    certificate = x509.load_der_x509_certificate(der)
    assert key.public_key() == certificate.public_key()
    certificate.verify_directly_issued_by(x509.load_der_x509_certificate(chain[0]))
    assert chain == (town.sandbox.certificates["issuing"],)
    assert value(certificate, x509.KeyUsage).content_commitment


def test_an_existing_sandbox_is_used_again_unchanged(tmp_path, stores, now):
    keys, *_ = stores()
    first = create_sandbox(tmp_path / "s", keys, port=8099, now=now)
    made = len(keys.keys)
    again = create_sandbox(tmp_path / "s", keys, port=8099, now=now + timedelta(days=9))
    assert again == first == open_sandbox(tmp_path / "s")
    assert len(keys.keys) == made


def test_a_sandbox_made_for_another_address_is_not_silently_used(tmp_path, stores, now):
    """Its certificates name the port, so another one could never be reached by them."""
    keys, *_ = stores()
    create_sandbox(tmp_path / "s", keys, port=8099, now=now)
    for changed in ({"port": 8098}, {"port": 8099, "host": "localhost"}):
        with pytest.raises(ConfigurationError, match=r"http://127\.0\.0\.1:8099"):
            create_sandbox(tmp_path / "s", keys, now=now, **changed)


def test_a_sandbox_whose_keys_are_elsewhere_is_not_opened(tmp_path, stores, now):
    keys, *_ = stores()
    sandbox = create_sandbox(tmp_path / "s", keys, port=8099, now=now)
    other, *_ = stores()
    with pytest.raises(KeyStoreUnavailable):
        open_sandbox(tmp_path / "s", other)
    other.create_service_key(sandbox.label("issuing"))
    with pytest.raises(ConfigurationError):
        open_sandbox(tmp_path / "s", other)


def test_a_making_that_was_interrupted_is_begun_anew(tmp_path, stores, now):
    """Without its description a folder holds no sandbox, whatever else lies there; keys already made do not clash."""

    class Dying(type(stores()[0])):
        left = 5

        def create_service_key(self, label, *rest):
            self.left -= 1
            if self.left == 0:
                raise KeyStoreUnavailable("power cut")
            return super().create_service_key(label, *rest)

    keys = Dying()
    with pytest.raises(KeyStoreUnavailable):
        create_sandbox(tmp_path / "s", keys, port=8099, now=now)
    with pytest.raises(ConfigurationError):
        open_sandbox(tmp_path / "s")
    sandbox = create_sandbox(tmp_path / "s", keys, port=8099, now=now)
    assert open_sandbox(tmp_path / "s", keys) == sandbox


@pytest.mark.parametrize(
    "described",
    [b"", b"{}", b"[]", b"nonsense", b'{"version": 2}', b'{"version": 1, "host": "h", "port": "x"}', None],
)
def test_an_unreadable_description_is_a_configuration_error(tmp_path, stores, now, described):
    keys, *_ = stores()
    sandbox = create_sandbox(tmp_path / "s", keys, port=8099, now=now)
    description = sandbox.folder / "sandbox.json"
    assert json.loads(description.read_bytes())["port"] == 8099
    if described is None:
        (sandbox.folder / "certificates" / "tsa.pem").unlink()
    else:
        description.write_bytes(described)
    with pytest.raises(ConfigurationError):
        open_sandbox(tmp_path / "s")


def test_two_sandboxes_on_one_key_store_do_not_share_keys(tmp_path, stores, now):
    keys, *_ = stores()
    made = [create_sandbox(tmp_path / n, keys, port=8099, now=now) for n in "ab"]
    roots = {x509.load_der_x509_certificate(s.certificates["root"]).public_key().public_numbers() for s in made}
    assert len(roots) == 2


def test_an_ipv6_host_is_bracketed_in_every_address(tmp_path, stores, now):
    keys, *_ = stores()
    sandbox = create_sandbox(tmp_path / "s", keys, host="::1", port=8099, now=now)
    assert sandbox.tsa_url == "http://[::1]:8099/tsa"
    names = value(x509.load_der_x509_certificate(sandbox.certificates["server"]), x509.SubjectAlternativeName)
    assert [str(n.value) for n in names] == ["::1", "localhost", "127.0.0.1"]
