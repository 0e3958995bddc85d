import hashlib
import json
import zipfile
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po
from django.contrib.staticfiles import finders
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.utils import timezone

from meterai import receiving
from meterai.conserving import available, stock_levels
from meterai.delivery_file import Announcement
from meterai.management.commands import check_translations, compile_translations, prepare
from meterai.models import Batch, Delivery, Outlet, Reseller, Serial, User
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


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def import_batch(file: Path, *more: str, **changes: Any) -> str:
    """The command as gudang would type it for five serials; None leaves an option out."""
    known = {"reference": "K-1", "by": "gudang", "count": 5, "sha256": digest(file) if file.exists() else "0" * 64}
    named = [f"--{name}={value}" for name, value in (known | changes).items() if value is not None]
    return run("import_batch", str(file), *named, *more)


def test_a_file_is_imported_and_activated_by_two_people(file: Path, gudang: User, penyelia: User) -> None:
    told = import_batch(file, "--chunk=2")
    assert "reading 122 of 122 bytes" in told and "keeping 4 of 5 serials" in told
    assert f"5 serials imported as K-1, sha256 {digest(file)}" in told
    with pytest.raises(CommandError, match="another person"):
        run("activate_batch", "K-1", "--by", "gudang")
    assert "on sale" in run("activate_batch", "K-1", "--by", "penyelia")
    assert available() == 5
    with pytest.raises(CommandError, match="not a draft"):
        run("activate_batch", "K-1", "--by", "penyelia")


def test_the_same_import_again_says_that_it_is_done(file: Path, gudang: User) -> None:
    import_batch(file)
    assert "K-1 is here already: 5 serials" in import_batch(file)
    with pytest.raises(CommandError, match="here already; nothing was imported"):
        import_batch(file, sha256="0" * 64)
    assert Serial.objects.count() == 5


@pytest.mark.parametrize("place", ["beside", "named", "inside"])
def test_what_the_issuer_announced_is_read_from_a_manifest(place: str, file: Path, gudang: User) -> None:
    manifest = json.dumps({"count": 5, "sha256": digest(file), "reference": "K-7"})
    silent = {"count": None, "sha256": None, "reference": None}
    if place == "beside":
        file.with_name("gelombang.csv.manifest.json").write_text(manifest)
        told = import_batch(file, **silent)
    elif place == "named":
        named = file.with_name("pengantar.json")
        named.write_text(manifest)
        told = import_batch(file, f"--manifest={named}", **silent)
    else:
        packed = file.with_suffix(".zip")
        with zipfile.ZipFile(packed, "w") as archive:
            archive.write(file, "gelombang.csv")
            archive.writestr("manifest.json", manifest)
        told = import_batch(packed, **silent)
    assert "5 serials imported as K-7" in told


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"by": "nobody"}, "no active user"),
        ({"count": None}, "count and SHA-256 are needed"),
        ({"sha256": None}, "count and SHA-256 are needed"),
        ({"reference": None}, "number of the delivery is needed"),
        ({"count": 6}, r"\(count\): "),
        ({"count": 0}, "a whole number from 1"),
        ({"sha256": "0" * 64}, r"\(sha256\): "),
        ({"sha256": "x"}, "64 hexadecimal digits"),
        ({"file": Path("/nowhere/x.csv")}, "cannot be opened"),
        ({"manifest": "/nowhere/x.json"}, "x.json cannot be opened"),
    ],
)
def test_an_import_that_fails_says_why(change: dict[str, Any], words: str, file: Path, gudang: User) -> None:
    with pytest.raises(CommandError, match=words):
        import_batch(change.pop("file", file), **change)
    assert not Serial.objects.exists() and not Batch.objects.exists()


def test_a_manifest_that_differs_from_what_is_typed_stops_the_import(file: Path, gudang: User) -> None:
    beside = file.with_name("gelombang.csv.manifest.json")
    beside.write_text(json.dumps({"count": 4, "sha256": digest(file)}))
    with pytest.raises(CommandError, match=r"\(disagree\)"):
        import_batch(file)
    beside.write_text("{}")
    with pytest.raises(CommandError, match=r"\(manifest\)"):
        import_batch(file)
    assert not Delivery.objects.exists()


def test_refused_lines_are_listed_with_their_numbers_and_written_to_a_report(tmp_path: Path, gudang: User) -> None:
    path, report = tmp_path / "x.csv", tmp_path / "laporan.csv"
    path.write_text("serial\n" + "kurang\n" * 30)
    with pytest.raises(CommandError, match="line 2: malformed 'kurang'") as refused:
        import_batch(path, count=30, report=report)
    assert "30 in all" in str(refused.value) and "line 21:" in str(refused.value)
    assert "line 22:" not in str(refused.value)
    lines = report.read_text("utf-8-sig").splitlines()
    assert len(lines) == 32 and lines[-1].startswith("31,kurang,malformed,")


def test_an_import_waits_for_one_that_may_have_been_killed_and_goes_on_after_it(file: Path, gudang: User) -> None:
    announced = Announcement(count=5, sha256=digest(file), reference="K-1")
    lease = timedelta(seconds=1)
    assert receiving.begin(announced=announced, size=122, by=gudang, at=timezone.now(), lease=lease)
    told = import_batch(file, "--lease=1")
    assert "waiting in case that one was killed" in told and "5 serials imported" in told


def test_an_import_that_another_process_goes_on_with_is_left_to_it(file: Path, gudang: User) -> None:
    announced = Announcement(count=5, sha256=digest(file), reference="K-1")
    assert receiving.begin(announced=announced, size=122, by=gudang, at=timezone.now())
    with pytest.raises(CommandError, match="being imported by another process"):
        import_batch(file, "--lease=1")


def test_an_upload_under_way_is_not_imported_by_the_command(file: Path, gudang: User) -> None:
    announced = Announcement(count=5, sha256=digest(file), reference="K-1")
    content = ContentFile(file.read_bytes())
    receiving.receive(file=content, announced=announced, by=gudang, at=timezone.now())
    with pytest.raises(CommandError, match="being imported by a worker"):
        import_batch(file)


def test_demo_data_are_the_same_however_often_they_are_made(db: None) -> None:
    assert run("seed_demo").count("login: ") == 5
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
