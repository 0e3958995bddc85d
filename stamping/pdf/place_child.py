"""What placing asks of a stranger's file, in a process of its own under `child`'s limits: `look` and `preview`.

On the wire, both ways: one line of JSON, then the bytes.
"""

import json
import subprocess
import sys
from dataclasses import asdict
from io import BytesIO
from typing import Any

from stamping.pdf import child
from stamping.pdf.geometry import Placement
from stamping.pdf.page_look import PageLook
from stamping.pdf.pictures import Picture
from stamping.pdf.trouble import Hostile, Refused, Unreadable

COLOURS = 48
"""Of a preview: what the stamp and a page of text need; more would cost a phone on a slow line more than it shows."""


def look(source: bytes, page: int | None = None) -> tuple[dict[int, PageLook], dict[int, bytes]]:
    """`looking.look` in a child: what is on each page, the page to suggest first; and small pictures of them.

    Raises Hostile, Unreadable, Refused.
    """
    facts, data = _ask("look", source, page=page)
    looks, littles, start = {}, {}, 0
    for number, one, length in facts["pages"]:
        looks[int(number)] = PageLook.from_json(one)
        littles[int(number)] = data[start : start + length]
        start += length
    return looks, littles


def preview(source: bytes, *, placement: Placement, width: int) -> Picture:
    """The page as it will be, `width` pixels wide: a picture of the file as the sealing kernel itself writes it.

    Raises Hostile, Unreadable, Refused, and ValueError for a width out of range.
    """
    facts, data = _ask("preview", source, placement=asdict(placement), width=width)
    return Picture(data=data, **facts)


def _ask(verb: str, source: bytes, **options: Any) -> tuple[dict[str, Any], bytes]:
    order = json.dumps({"verb": verb, **options}).encode() + b"\n"
    try:
        done = subprocess.run(
            [sys.executable, "-s", "-m", "stamping.pdf.place_child"],
            input=order + source,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child.ENVIRONMENT,
            timeout=child.WALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Hostile from error
    head, _newline, data = done.stdout.partition(b"\n")
    if done.returncode != 0 or not head:
        raise Hostile
    answer = json.loads(head)
    if "refused" in answer:
        raise Refused(answer["refused"])
    if "error" in answer:
        raise {"unreadable": Unreadable, "range": ValueError}[answer["error"]](answer["error"])
    return answer, data


def _look(source: bytes, page: int | None) -> tuple[dict[str, Any], bytes]:
    from stamping.pdf import looking

    found = list(looking.look(source, page=page))
    facts = [[number, one.as_json(), len(little)] for number, one, little in found]
    return {"pages": facts}, b"".join(little for _number, _one, little in found)


def _preview(source: bytes, placement: dict[str, Any], width: int) -> tuple[dict[str, Any], bytes]:
    from stamping.pdf import foreseeing

    image = foreseeing.foresee(source, placement=Placement(**placement), width=width)
    out = BytesIO()
    image.quantize(COLOURS).save(out, "PNG", optimize=True)
    return {"content_type": "image/png", "width": image.width, "height": image.height}, out.getvalue()


if __name__ == "__main__":
    child.VERBS["look"] = _look
    child.VERBS["preview"] = _preview
    child.main()
