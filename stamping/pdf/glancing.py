"""Glanced at: that a seal holds, told from the bytes alone.

No reader of PDFs takes part, so this costs little and nothing in a stranger's file can mislead it: what was there is
there unchanged, one signature was added, it covers all the rest, and its value is right. What it cannot tell: whether
the stamp is seen on the page, and what strict readers say (`proofreading`).
"""

import hashlib
import re
from functools import lru_cache

from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]")
END = re.compile(rb"startxref\s+(\d+)\s+%%EOF\s*\Z")
SECTION = re.compile(rb"xref\b|\d+ \d+ obj\b")


def glance(*, source: bytes, sealed: bytes, field: str) -> bool:
    """Whether `sealed` is `source` with one whole revision after it that holds our field and a signature over all.

    Never raises. False for a source that was rewritten on the way, and for strings that are encrypted.
    """
    try:
        return _added(source, sealed, field) and _signed(sealed, len(source))
    except Exception:  # whatever a library makes of a signature that is none
        return False


def _added(source: bytes, sealed: bytes, field: str) -> bool:
    """The old bytes, then one revision with its own table, with our field in it."""
    if not sealed.startswith(source):
        return False
    end = END.search(sealed, max(len(source), len(sealed) - 64))
    if end is None or int(end[1]) < len(source) or SECTION.match(sealed, int(end[1])) is None:
        return False
    written = re.escape(field.encode()).replace(rb"\-", rb"(?:-|\\055)")  # pyHanko writes it in octal
    return re.compile(rb"/T\s*\(" + written + rb"\)").search(sealed, len(source)) is not None


def _signed(sealed: bytes, begin: int) -> bool:
    """The one signature after `begin` leaves out its own value and not a byte more, and is right."""
    found = RANGE.findall(sealed, begin)
    if len(found) != 1:
        return False
    start, first, second, last = (int(number) for number in found[0])
    hole = sealed[first:second]
    if start != 0 or first <= begin or second + last != len(sealed) or (hole[:1], hole[-1:]) != (b"<", b">"):
        return False
    covered = hashlib.sha256(memoryview(sealed)[:first])
    covered.update(memoryview(sealed)[second:])
    return _right(bytes.fromhex(hole[1:-1].decode("ascii")), covered.digest())


def _right(signature: bytes, digest: bytes) -> bool:
    """Whether the CMS signature is over this digest, and by the certificate it names. Raises what libraries raise."""
    content = cms.ContentInfo.load(signature)["content"]
    (signer,) = content["signer_infos"]
    (certificate,) = [one.chosen for one in content["certificates"] if _names(signer, one.chosen)]
    attributes = {one["type"].native: one["values"] for one in signer["signed_attrs"]}
    ((named,), (bound,)) = attributes["message_digest"], attributes["signing_certificate_v2"]
    made_of = hashlib.sha256(certificate.dump()).digest()
    if named.native != digest or bound["certs"][0]["cert_hash"].native != made_of or not _plain(content, signer):
        return False
    return _verified(_key(certificate.dump()), signer)


def _names(signer: cms.SignerInfo, certificate: asn1_x509.Certificate) -> bool:
    named = signer["sid"].chosen
    return (named["serial_number"].native, named["issuer"]) == (certificate.serial_number, certificate.issuer)


def _plain(content: cms.SignedData, signer: cms.SignerInfo) -> bool:
    """Whether what no signature covers says what we write there; strict readers stumble over anything else."""
    digests = {one["algorithm"].native for one in (signer["digest_algorithm"], *content["digest_algorithms"])}
    hashed, inside = signer["signature_algorithm"].hash_algo, content["encap_content_info"]["content_type"].native
    return (digests, hashed, inside) == ({"sha256"}, "sha256", "data") and signer["version"].native == "v1"


def _verified(key: object, signer: cms.SignerInfo) -> bool:
    value, data = signer["signature"].native, signer["signed_attrs"].untag().dump()
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(value, data, padding.PKCS1v15(), hashes.SHA256())
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(value, data, ec.ECDSA(hashes.SHA256()))
    else:
        return False
    return True


@lru_cache(maxsize=8)
def _key(certificate: bytes) -> object:
    """The public key: reading a certificate costs more than the rest."""
    return x509.load_der_x509_certificate(certificate).public_key()
