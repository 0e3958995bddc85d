"""Recomputes ranks of a finished draw from what was published, with nothing but Python's standard library.

    python3 recompute_rank.py draw.json [NUMBER ...]        without numbers: all of them

draw.json is the site's file /antre/ROOM.undian.json: {"room", "commitment", "first", "count", "seed"}.
How it is computed, and why nobody could choose: docs/waiting-room.md.
"""

import hashlib
import hmac
import json
import sys


def rank(number, draw):
    first, count, seed = draw["first"], draw["count"], bytes.fromhex(draw["seed"])
    if hashlib.sha256(seed).hexdigest() != draw["commitment"]:
        sys.exit("The seed does not fit the commitment that was published first.")
    if not first <= number < first + count:
        sys.exit(f"{number} takes no part in this draw.")
    key = hmac.new(seed, f"{draw['room']}:{first}:{count}".encode(), hashlib.sha256).digest()
    width = 1
    while 4**width < count:
        width += 1
    place = count
    value = number - first
    while place >= count:
        left, right = value >> width, value % 2**width
        for turn in range(8):
            digest = hmac.new(key, bytes([turn]) + right.to_bytes(8, "big"), hashlib.sha256).digest()
            left, right = right, left ^ int.from_bytes(digest, "big") % 2**width
        place = value = left * 2**width + right
    return first + place


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        facts = json.load(file)
    for one in map(int, sys.argv[2:] or range(facts["first"], facts["first"] + facts["count"])):
        print(one, rank(one, facts))  # noqa: T201
