"""A certificate authority for development: a root, a signer, a time-stamp authority, a revocation list, and nothing
that anyone should trust.

`make` is idempotent and atomic: the folder is filled beside its place and then moved there in one step.
"""

import secrets
import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from stamping.authority.certificates import DEVELOPMENT_MARK, DEVELOPMENT_NAME, is_development
from stamping.authority.rotation import write

__all__ = ["HalfMade", "NoRootKey", "Paths", "is_development", "issue", "make", "revocation_list", "revoke"]
ROOT_YEARS, SIGNER_YEARS = 10, 2
LIST_DAYS = 7
"""How long a revocation list says that it holds."""


class HalfMade(Exception):
    """The folder exists and holds something, but not a whole authority; a person should look before it is
    removed."""


class NoRootKey(Exception):
    """The authority was made by an older release, which threw the root's key away: it can issue nothing more."""


@dataclass(frozen=True)
class Paths:
    """Where the authority lies. `root` and `revoked` are public; the rest is for its owner only."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "root.pem"

    @property
    def signer(self) -> Path:
        return self.folder / "signer.p12"

    @property
    def passphrase(self) -> Path:
        return self.folder / "passphrase"

    @property
    def root_key(self) -> Path:
        return self.folder / "root.key"

    @property
    def tsa(self) -> Path:
        """Key and certificate of the time-stamp authority, as `signer`."""
        return self.folder / "tsa.p12"

    @property
    def revoked(self) -> Path:
        """Revoked certificates, one a line: serial number in hexadecimal, time of revocation."""
        return self.folder / "revoked"

    @property
    def whole(self) -> bool:
        return all(path.is_file() for path in (self.root, self.signer, self.passphrase))


def make(*, folder: Path, at: datetime) -> Paths:
    """Make the authority in `folder`, or find it there. Raises HalfMade or OSError.

    The root lasts ten years from `at`, the signer and the time-stamp authority two.
    """
    paths = Paths(folder)
    if paths.whole:
        return paths
    folder.parent.mkdir(parents=True, exist_ok=True)
    workshop = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))  # mode 0700
    try:
        _fill(Paths(workshop), at=at)
        # Renaming onto a folder succeeds only while that one is empty: of two makers one wins, whole.
        workshop.rename(folder)
    except OSError as error:
        if not paths.whole:
            raise HalfMade(folder.name) from error
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
    return paths


def issue(*, paths: Paths, at: datetime) -> bytes:
    """A new signer under the same root: PKCS #12, under the authority's passphrase. Raises NoRootKey."""
    key, root = _root(paths)
    return _pkcs12(_Issuer(key, root), role=SIGNER, passphrase=paths.passphrase.read_text().strip(), at=at)


def revoke(*, paths: Paths, certificate: x509.Certificate, at: datetime) -> None:
    """Put a certificate on the revocation list, for good."""
    with paths.revoked.open("a", encoding="ascii") as file:
        file.write(f"{certificate.serial_number:x} {at.isoformat()}\n")


def revocation_list(*, paths: Paths, at: datetime) -> bytes:
    """The list (CRL, DER) as of `at`, good for a week. Raises NoRootKey."""
    key, root = _root(paths)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(root.subject)
        .last_update(at - timedelta(hours=1))
        .next_update(at + timedelta(days=LIST_DAYS))
        .add_extension(x509.CRLNumber(int(at.timestamp())), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    for line in paths.revoked.read_text().splitlines() if paths.revoked.is_file() else ():
        number, since = line.split()
        entry = x509.RevokedCertificateBuilder().serial_number(int(number, 16))
        builder = builder.add_revoked_certificate(entry.revocation_date(datetime.fromisoformat(since)).build())
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


@dataclass(frozen=True)
class _Issuer:
    key: rsa.RSAPrivateKey
    certificate: x509.Certificate


@dataclass(frozen=True)
class _Role:
    """What a certificate below the root is for."""

    name: str
    usages: tuple[str, ...]
    stamps_time: bool = False


SIGNER = _Role("Penyegel Meterai", ("digital_signature", "content_commitment"))
TSA = _Role("Penanda Waktu", ("digital_signature",), stamps_time=True)


def _root(paths: Paths) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    if not paths.root_key.is_file():
        raise NoRootKey(paths.folder.name)
    passphrase = paths.passphrase.read_bytes().strip()
    key = load_pem_private_key(paths.root_key.read_bytes(), passphrase)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise NoRootKey(paths.folder.name)
    return key, x509.load_pem_x509_certificate(paths.root.read_bytes())


def _fill(paths: Paths, *, at: datetime) -> None:
    key, name, passphrase = _new_key(), _name("Otoritas Akar"), secrets.token_urlsafe(24)
    root = (
        _builder(subject=name, issuer=name, key=key, issuer_key=key, at=at, years=ROOT_YEARS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
        .sign(key, hashes.SHA256())
    )
    locked = BestAvailableEncryption(passphrase.encode())
    write(paths.root_key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked), mode=0o600)
    issuer = _Issuer(key, root)
    write(paths.passphrase, passphrase.encode(), mode=0o600)
    write(paths.signer, _pkcs12(issuer, role=SIGNER, passphrase=passphrase, at=at), mode=0o600)
    write(paths.tsa, _pkcs12(issuer, role=TSA, passphrase=passphrase, at=at), mode=0o600)
    write(paths.root, root.public_bytes(Encoding.PEM), mode=0o644)


def _pkcs12(issuer: _Issuer, *, role: _Role, passphrase: str, at: datetime) -> bytes:
    """A new key and its certificate, signed by the root."""
    key, root = _new_key(), issuer.certificate
    builder = (
        _builder(
            subject=_name(role.name), issuer=root.subject, key=key, issuer_key=issuer.key, at=at, years=SIGNER_YEARS
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(*role.usages), critical=True)
    )
    if role.stamps_time:  # RFC 3161, 2.3: critical, and the only one
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    certificate = builder.sign(issuer.key, hashes.SHA256())
    locked = BestAvailableEncryption(passphrase.encode())
    return pkcs12.serialize_key_and_certificates(b"meterai", key, certificate, [root], locked)


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _name(role: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "ID"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, DEVELOPMENT_NAME),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{DEVELOPMENT_NAME} - {role}"),
        ]
    )


def _builder(
    *,
    subject: x509.Name,
    issuer: x509.Name,
    key: rsa.RSAPrivateKey,
    issuer_key: rsa.RSAPrivateKey,
    at: datetime,
    years: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # An hour back, for machines whose clocks disagree a little.
        .not_valid_before(at - timedelta(hours=1))
        .not_valid_after(at + timedelta(days=365 * years))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(x509.UnrecognizedExtension(DEVELOPMENT_MARK, b"\x05\x00"), critical=False)  # an ASN.1 NULL
    )


def _usage(*allowed: str) -> x509.KeyUsage:
    others = ("key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only")
    every = ("digital_signature", "content_commitment", "key_cert_sign", "crl_sign", *others)
    return x509.KeyUsage(**{name: name in allowed for name in every})
