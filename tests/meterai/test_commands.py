from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po
from django.contrib.staticfiles import finders
from django.core.management import CommandError, call_command

from meterai.conserving import available, stock_levels
from meterai.management.commands import check_translations, compile_translations, prepare
from meterai.models import Batch, Outlet, Reseller, Serial, User
from tests import factories

pytestmark = pytest.mark.django_db


def run(name: str, *arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command(name, *arguments, stdout=out, stderr=out, **options)
    return out.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gelombang.csv"
    path.write_bytes(factories.delivery(factories.serials(5)).read())
    return path


def test_a_file_is_imported_and_activated_by_two_people(file: Path, gudang: User, penyelia: User) -> None:
    assert "5 serials imported" in run(
        "import_batch", str(file), "--reference", "K-1", "--by", "gudang", "--count", "5"
    )
    with pytest.raises(CommandError, match="another person"):
        run("activate_batch", "K-1", "--by", "gudang")
    assert "on sale" in run("activate_batch", "K-1", "--by", "penyelia")
    assert available() == 5
    with pytest.raises(CommandError, match="not a draft"):
        run("activate_batch", "K-1", "--by", "penyelia")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"by": "nobody"}, "no active user"),
        ({"count": 6}, "count is not as announced"),
        ({"sha256": "0" * 64}, "sha256 is not as announced"),
        ({"file": "/nowhere/x.csv"}, "cannot be read"),
    ],
)
def test_an_import_that_fails_says_why(change: dict[str, Any], words: str, file: Path, gudang: User) -> None:
    options = {"reference": "K-1", "by": "gudang"} | change
    named = [str(options.pop("file", file)), *(f"--{name}={value}" for name, value in options.items())]
    with pytest.raises(CommandError, match=words):
        run("import_batch", *named)
    assert not Serial.objects.exists()


def test_refused_lines_are_listed_with_their_numbers(tmp_path: Path, gudang: User) -> None:
    path = tmp_path / "x.csv"
    path.write_text("serial\nkurang\n" * 30)
    with pytest.raises(CommandError, match="line 2: malformed") as refused:
        run("import_batch", str(path), "--reference", "K-1", "--by", "gudang")
    assert "more" in str(refused.value)


def test_demo_data_are_the_same_however_often_they_are_made(db: None) -> None:
    assert run("seed_demo").count("login: ") == 4
    before = (
        Batch.objects.count(),
        Reseller.objects.count(),
        Outlet.objects.count(),
        User.objects.count(),
        stock_levels(),
    )
    run("seed_demo")
    assert before == (
        Batch.objects.count(),
        Reseller.objects.count(),
        Outlet.objects.count(),
        User.objects.count(),
        stock_levels(),
    )
    assert available() == 1000 and sorted(set(stock_levels().values())) == [200, 1000]
    assert all(one.is_demo and one.contact_email.endswith(".example") for one in Reseller.objects.all())


def test_the_log_ins_that_are_printed_work(db: None, client: Any) -> None:
    for line in run("seed_demo").splitlines():
        name, _, password = line.removeprefix("login: ").split(" ")[:3]
        assert client.login(username=name, password=password)


def test_a_password_that_somebody_changed_stays(db: None) -> None:
    run("seed_demo")
    person = User.objects.get(username="gudang")
    person.set_password("a password of my own")
    person.save()
    run("seed_demo")
    person.refresh_from_db()
    assert person.check_password("a password of my own")


def test_a_site_for_real_stamps_gets_no_demo_data(db: None, settings: Any) -> None:
    settings.DEMO_PASSWORD = ""
    with pytest.raises(CommandError, match="real stamps"):
        run("seed_demo")
    assert not User.objects.exists()


def catalogue(folder: Path, **texts: str) -> Path:
    source = folder / "en" / "LC_MESSAGES" / "django.po"
    source.parent.mkdir(parents=True)
    made = Catalog(locale="en")
    for name, text in texts.items():
        made.add(name.replace("_", " "), text)
    with source.open("wb") as file:
        write_po(file, made)
    return source


def test_translations_are_compiled_when_they_changed(tmp_path: Path, settings: Any) -> None:
    settings.LOCALE_PATHS = [tmp_path]
    source = catalogue(tmp_path, Beli="Buy")
    assert "compiled en" in run("compile_translations")
    assert b"Buy" in source.with_suffix(".mo").read_bytes()
    assert run("compile_translations") == ""
    assert len(list(source.parent.iterdir())) == 2
    source.with_suffix(".mo").unlink()
    assert compile_translations.is_stale(source) and "compiled en" in run("compile_translations")


@pytest.mark.parametrize(
    ("name", "text", "trouble"),
    [
        ("Beli", "", "untranslated"),
        ("%(n)s meterai", "%(m)s stamps", "placeholders"),
        ("Ada {x}", "There is", "placeholders"),
    ],
)
def test_a_sentence_that_is_not_well_translated_is_named(name: str, text: str, trouble: str) -> None:
    made = Catalog(locale="en")
    assert trouble in next(check_translations.troubles_of(made.add(name, text)))
    assert not list(check_translations.troubles_of(made.add("Bayar %(x)s", "Pay %(x)s")))


def test_a_guess_of_the_tools_is_no_translation() -> None:
    message = Catalog(locale="en").add("Beli", "Sell", flags=["fuzzy"])
    assert "fuzzy" in next(check_translations.troubles_of(message))


def test_static_files_are_collected_again_only_after_a_change(tmp_path: Path, settings: Any) -> None:
    settings.STATIC_ROOT = tmp_path / "static"
    prepare.collect()
    first = (tmp_path / "static" / prepare.FINGERPRINT).stat().st_mtime_ns
    assert finders.find("meterai/site.css") and (tmp_path / "static" / "meterai" / "site.css").exists()
    (tmp_path / "static" / "meterai" / "site.css").unlink()
    prepare.collect()
    assert (tmp_path / "static" / prepare.FINGERPRINT).stat().st_mtime_ns == first
    assert not (tmp_path / "static" / "meterai" / "site.css").exists()


def test_preparing_tells_each_step_with_its_time(tmp_path: Path, settings: Any, now: datetime) -> None:
    settings.STATIC_ROOT = tmp_path / "static"
    told = run("prepare")
    assert [line.split()[1] for line in told.splitlines() if line.startswith("step: ")][:3] == [
        "migrate",
        "compile_translations",
        "collectstatic",
    ]
