"""CMS signatures from a key that is loaded once: two ways, one shape of output.

pyHanko's own signer loads and proves the private key at each call (41 ms); `KeptSigner` keeps the key object.
Building the CMS anew costs another 15 ms, so for RSA, whose signatures all have one length, it is built once
and then only the digest and the signature are exchanged: a PAdES signature holds no time of its own (ETSI EN
319 142-1, 5.2).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.signers import Signer
from pyhanko_certvalidator.registry import SimpleCertificateStore

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
STAND_IN_DIGEST = bytes.fromhex("a5") * 32
SPARE = 64
"""Hexadecimal characters to spare: an ECDSA signature is not always equally long."""


class KeptSigner(Signer):
    """pyHanko's signer around whoever makes the bare signature: a key object that stays loaded, or a token."""

    def __init__(
        self,
        *,
        raw: Callable[[bytes], Awaitable[bytes]],
        certificate: asn1_x509.Certificate,
        chain: tuple[asn1_x509.Certificate, ...],
    ) -> None:
        """`raw` gives the bare signature over the SHA-256 of the bytes it is handed."""
        registry = SimpleCertificateStore()
        registry.register_multiple(chain)
        super().__init__(signing_cert=certificate, cert_registry=registry, embed_roots=False)
        self._raw = raw
        self.last_signed = b""
        self.last_signature = b""

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        self.last_signed = data
        self.last_signature = await self._raw(data)
        return self.last_signature

    def cms(self, digest: bytes) -> bytes:
        """A detached CAdES signature (CMS, DER) over a SHA-256 digest."""
        info: cms.ContentInfo = asyncio.run(self.async_sign(digest, "sha256", use_pades=True))
        return bytes(info.dump())

    def raw(self, data: bytes) -> bytes:
        """The bare signature alone."""

        async def wait() -> bytes:
            return await self._raw(data)

        return asyncio.run(wait())


def raw_signature(key: PrivateKey, data: bytes) -> bytes:
    """The bare signature over the SHA-256 of `data`."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    """The same certificate as an object of the library that pyHanko builds on."""
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


@dataclass(frozen=True)
class RsaTemplate:
    """A finished CMS with two holes: the document's digest and, at its end, the signature."""

    before_digest: bytes
    between: bytes
    after_signature: bytes
    signed_before: bytes
    signed_after: bytes

    @classmethod
    def of(cls, signer: KeptSigner) -> "RsaTemplate":
        """Cut out of one real signature. Raises ValueError if the holes are not where they must be."""
        made = signer.cms(STAND_IN_DIGEST)
        signature = signer.last_signature
        if made.count(STAND_IN_DIGEST) != 1 or made.count(signature) != 1:
            raise ValueError("the signature cannot serve as a template")
        before_digest, rest = made.split(STAND_IN_DIGEST)
        between, after_signature = rest.split(signature)
        signed_before, signed_after = signer.last_signed.split(STAND_IN_DIGEST)
        return cls(before_digest, between, after_signature, signed_before, signed_after)

    def fill(self, raw: Callable[[bytes], bytes], digest: bytes) -> bytes:
        """The CMS for this digest; `raw` makes the bare signature."""
        signature = raw(self.signed_before + digest + self.signed_after)
        return self.before_digest + digest + self.between + signature + self.after_signature
