"""A certificate authority that lives as long as a test stand, and what it signs."""

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = datetime.timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Signed:
    """A certificate and its key, both PEM."""

    certificate: str
    key: str


class Authority:
    """Signs certificates for servers on loopback and for users of the API server."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("testbed", ())
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        self._certificate = self._builder(self._name, self._key).add_extension(constraints, critical=True)
        self.certificate = _pem(self._certificate.sign(self._key, hashes.SHA256()))

    def server(self) -> Signed:
        """A certificate for 127.0.0.1."""
        loopback = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))])
        return self._signed(_name("server", ()), ExtendedKeyUsageOID.SERVER_AUTH, loopback)

    def user(self, name: str, *, groups: Sequence[str] = ()) -> Signed:
        """A certificate by which the API server knows a user and the groups he is in."""
        return self._signed(_name(name, groups), ExtendedKeyUsageOID.CLIENT_AUTH)

    def _signed(self, name: x509.Name, usage: x509.ObjectIdentifier, *extensions: x509.ExtensionType) -> Signed:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(name, key).add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return Signed(_pem(builder.sign(self._key, hashes.SHA256())), key_pem(key))

    def _builder(self, name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + _LIFETIME)
        )


def key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """A private key as PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


def _name(user: str, groups: Sequence[str]) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
