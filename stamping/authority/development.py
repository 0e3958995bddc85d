"""A certificate authority for development: a root, a signer, and nothing that anyone should trust.

`make` is idempotent and atomic: the folder is filled beside its place and then moved there in one step.
"""

import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509.oid import NameOID

from stamping.authority.certificates import DEVELOPMENT_MARK, DEVELOPMENT_NAME, is_development

__all__ = ["HalfMade", "Paths", "is_development", "make"]
ROOT_YEARS, SIGNER_YEARS = 10, 2


class HalfMade(Exception):
    """The folder exists and holds something, but not a whole authority; a person should look before it is
    removed."""


@dataclass(frozen=True)
class Paths:
    """Where the authority lies. `root` is public; `signer` (PKCS #12) and `passphrase` are for their owner
    only."""

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
    def whole(self) -> bool:
        return all(path.is_file() for path in (self.root, self.signer, self.passphrase))


def make(*, folder: Path, at: datetime) -> Paths:
    """Make the authority in `folder`, or find it there. Raises HalfMade or OSError.

    The root lasts ten years from `at`, the signer two. The root's key is thrown away: nothing else is to be
    signed.
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


def _fill(paths: Paths, *, at: datetime) -> None:
    root_key, signer_key = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    root_name, signer_name = _name("Otoritas Akar"), _name("Penyegel Meterai")
    root = (
        _builder(subject=root_name, issuer=root_name, key=root_key, issuer_key=root_key, at=at, years=ROOT_YEARS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    signer = (
        _builder(
            subject=signer_name,
            issuer=root_name,
            key=signer_key,
            issuer_key=root_key,
            at=at,
            years=SIGNER_YEARS,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage("digital_signature", "content_commitment"), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    passphrase = secrets.token_urlsafe(24)
    sealed = pkcs12.serialize_key_and_certificates(
        b"meterai", signer_key, signer, [root], BestAvailableEncryption(passphrase.encode())
    )
    _write(paths.passphrase, passphrase.encode(), mode=0o600)
    _write(paths.signer, sealed, mode=0o600)
    _write(paths.root, root.public_bytes(Encoding.PEM), mode=0o644)


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


def _write(path: Path, data: bytes, *, mode: int) -> None:
    """Made with its mode from the first moment, never wider for an instant; on the disk before it counts."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
