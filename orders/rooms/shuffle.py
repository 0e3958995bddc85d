"""The draw of those who joined before the opening: a permutation promised before, that anybody can recompute.

1. Before the first number is given, SHA-256(seed) is published: the commitment.
2. At the opening the numbers first … first + count - 1 are closed; then the seed is published, with first and count.
3. rank(number) = first + permutation(number - first), a bijection on 0 … count - 1:

       key         = HMAC-SHA256(seed, "ROOM:FIRST:COUNT")      (ASCII, decimal numbers)
       w           = the least w >= 1 with 4^w >= count
       one pass    : split x into two halves of w bits, left and right; for round 0 … 7
                     left, right = right, left XOR F(round, right)
                     F(round, half) = the last w bits of HMAC-SHA256(key, round as 1 byte | half as 8 bytes, big-endian)
       permutation : repeat the pass until the result is below count (cycle walking)

The count is part of the key, and nobody knows it before the closing: even who has seen the seed too early cannot choose
a number by its rank. `docs/recompute_rank.py` does the same without any code of ours.
"""

import hashlib
import hmac

ROUNDS = 8


def commitment(seed: bytes) -> str:
    """What is published first: SHA-256 of the seed, in hexadecimal."""
    return hashlib.sha256(seed).hexdigest()


def rank(number: int, *, seed: bytes, room: str, first: int, count: int) -> int:
    """The rank of a number of the draw, in first … first + count - 1. ValueError for a number outside."""
    if not first <= number < first + count:
        raise ValueError(f"{number} takes no part in the draw")
    key = hmac.digest(seed, f"{room}:{first}:{count}".encode(), hashlib.sha256)
    width = half_bits(count)
    place = number - first
    while True:
        place = _one_pass(place, key=key, width=width)
        if place < count:
            return first + place


def half_bits(count: int) -> int:
    """The bits of one half: the least w >= 1 with 4^w >= count."""
    return max(1, ((count - 1).bit_length() + 1) // 2)


def _one_pass(value: int, *, key: bytes, width: int) -> int:
    mask = (1 << width) - 1
    left, right = value >> width, value & mask
    for number in range(ROUNDS):
        digest = hmac.digest(key, bytes([number]) + right.to_bytes(8, "big"), hashlib.sha256)
        left, right = right, left ^ (int.from_bytes(digest, "big") & mask)
    return left << width | right
