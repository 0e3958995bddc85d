"""The list of places: as spreadsheets write it, every wrong line told with its number. No database."""

import pytest

from stamping import placelist
from stamping.placelist import Line, ListUnusable

HEAD = "file,page,x_mm,y_mm\n"


def wrong(text: str) -> list[tuple[int, str, str]]:
    return [(one.number, one.code, one.given) for one in placelist.read((HEAD + text).encode()).wrong]


def test_a_place_is_millimetres_from_the_bottom_left_or_left_to_us() -> None:
    found = placelist.read(placelist.TEMPLATE.encode())
    assert found.wrong == ()
    assert found.lines == (
        Line(2, "surat-1.pdf"),
        Line(3, "surat-2.pdf", page=2),
        Line(4, "surat-3.pdf", page=1, x=340.16, y=113.39),
    )


@pytest.mark.parametrize(
    "text",
    [
        "file;page;x_mm;y_mm\r\na.pdf;1;12,5;40\r\n",
        "\ufefffile\tpage\tx_mm\ty_mm\na.pdf\t1\t12.5\t40\n",
        'File, Page, X_mm, Y_mm\n"a.pdf", 1 , 12.5 , 40\n\n',
    ],
)
def test_every_spreadsheet_s_way_of_writing_it_is_read(text: str) -> None:
    (line,) = placelist.read(text.encode()).lines
    assert (line.file, line.page, line.x, line.y) == ("a.pdf", 1, 35.43, 113.39)


def test_every_wrong_line_is_told_with_its_number_and_the_right_ones_stay() -> None:
    text = "a.pdf,nol,,\nb.pdf,1,x,4\n\nc.pdf,1,4,\nd.pdf,auto,4,4\n,1,,\ne.pdf,1,,\ne.pdf,1,,\nf.pdf,1,-3,4\n"
    text += "g.pdf,1,1,1,1\n"
    assert wrong(text) == [
        (2, "list_page", "nol"),
        (3, "list_number", "x"),
        (5, "list_half_a_place", "4"),
        (6, "list_place_needs_page", "auto"),
        (7, "list_no_file", ""),
        (9, "list_file_twice", "e.pdf"),
        (10, "list_number", "-3"),
        (11, "list_columns", "1"),
    ]
    assert [line.file for line in placelist.read((HEAD + text).encode()).lines] == ["e.pdf"]


@pytest.mark.parametrize("cell", ["nan", "inf", "1e9", "0x10", "--", "5001"])
def test_what_is_no_length_is_no_place(cell: str) -> None:
    assert wrong(f"a.pdf,1,{cell},4\n") == [(2, "list_number", cell)]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "list_empty"),
        (b"\n\n", "list_empty"),
        (HEAD.encode(), "list_empty"),
        (b"nama,halaman\na.pdf,1\n", "list_no_header"),
        ((HEAD + "a.pdf,1,,\n").encode("utf-16"), "list_not_text"),
        (b"file,page,x_mm,y_mm\nsurat-\xe9.pdf,,,\n", "list_not_text"),
        (b"PK\x03\x04\0\0", "list_not_text"),
        ((HEAD + "a.pdf,1,,\n" * 2001).encode(), "list_too_long"),
    ],
)
def test_a_list_of_which_nothing_can_be_read_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(ListUnusable) as refused:
        placelist.read(data)
    assert refused.value.code == code


def test_a_line_finds_its_file_by_path_or_by_a_name_that_only_one_has() -> None:
    names = ["map/a.pdf", "map/b.pdf", "lain/b.pdf"]
    lines = placelist.read(f"{HEAD}a.pdf,,,\nb.pdf,,,\nlain/b.pdf,,,\nc.pdf,,,\nmap/a.pdf,,,\n".encode()).lines
    found, mistakes = placelist.matched(lines, names)
    assert {name: line.number for name, line in found.items()} == {"map/a.pdf": 2, "lain/b.pdf": 4}
    assert [(one.number, one.code) for one in mistakes] == [
        (3, "list_which_file"),
        (5, "list_unknown_file"),
        (6, "list_file_twice"),
    ]
