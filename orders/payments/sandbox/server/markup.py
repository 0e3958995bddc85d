"""The sandbox's HTML and CSS. Indonesian first, English beside it; no script, no inline style."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from html import escape
from typing import Any

WIB = timezone(timedelta(hours=7), "WIB")

STATUSES = {
    "pending": ("Menunggu pembayaran", "Waiting for payment"),
    "paid": ("Sudah dibayar", "Paid"),
    "expired": ("Kedaluwarsa", "Expired"),
    "failed": ("Gagal", "Failed"),
    "reversed": ("Ditarik kembali oleh bank", "Reversed by the bank"),
    "refunded": ("Dikembalikan", "Refunded"),
}
ACTIONS = {
    "pay": ("Bayar", "Pay"),
    "pay_late": ("Bayar terlambat", "Pay late"),
    "pay_twice": ("Bayar dua kali", "Pay twice"),
    "pay_wrong_amount": ("Bayar jumlah salah", "Pay a wrong amount"),
    "expire": ("Buat kedaluwarsa", "Expire"),
    "fail": ("Gagalkan", "Fail"),
    "reverse": ("Tarik kembali", "Reverse"),
    "duplicate": ("Ulangi pemberitahuan", "Repeat notification"),
    "forge": ("Palsukan pemberitahuan", "Forge notification"),
}
STYLE = """\
body { margin: 0 auto; max-width: 44rem; padding: 0 1rem 3rem; color: #1d2327;
  font: 1.05rem/1.5 system-ui, sans-serif; }
.sandbox { background: #7a3b00; color: #fff; padding: .5rem 1rem; margin: 0 -1rem 1.5rem; font-weight: 700; }
.english { display: block; font-weight: 400; font-size: .85em; opacity: .85; }
.amount { font-size: 2rem; font-weight: 700; margin: 0; }
.number { font: 700 1.6rem/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
.qr { display: block; width: 16rem; max-width: 100%; height: auto; border: 1px solid #ccc; }
button { font: inherit; padding: .6rem 1rem; margin: .25rem .25rem .25rem 0; border: 2px solid #14532d;
  border-radius: .3rem; background: #fff; color: #14532d; cursor: pointer; min-height: 2.75rem; }
button.main { background: #14532d; color: #fff; font-weight: 700; }
button:focus-visible, a:focus-visible, input:focus-visible {
  outline: 3px solid #b45309; outline-offset: 2px; }
article { border-top: 1px solid #bbb; padding: 1rem 0; overflow-wrap: anywhere; }
label { display: block; margin: .5rem 0; }
input { font: inherit; padding: .3rem; }
"""


def page(title: str, content: str) -> str:
    """A whole page; `content` is HTML, its values escaped already."""
    return f"""<!doctype html>
<html lang="id"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex"><title>{escape(title)} - SANDBOX</title>
<link rel="stylesheet" href="/style.css"></head>
<body><p class="sandbox">SANDBOX: bukan pembayaran sungguhan{english("no real money moves here")}</p>
<main><h1>{escape(title)}</h1>
{content}</main></body></html>
"""


def english(text: str) -> str:
    return f'<span class="english" lang="en">{escape(text)}</span>'


def both(indonesian: str, in_english: str) -> str:
    return escape(indonesian) + english(in_english)


def rupiah(amount: int) -> str:
    return "Rp" + f"{amount:,}".replace(",", ".")


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).astimezone(WIB).strftime("%d-%m-%Y %H.%M.%S WIB")


def payment_page(payment: sqlite3.Row, *, bank: str) -> str:
    facts = f"""<p class="amount">{rupiah(payment["amount"])}</p>
<p>{escape(payment["description"])}</p>
<p><strong>{both(*STATUSES[payment["status"]])}</strong></p>
"""
    back = escape(payment["return_url"])
    link = f'<p><a href="{back}">{both("Kembali ke toko", "Back to the shop")}</a></p>'
    if payment["status"] != "pending":
        return page("Pembayaran", facts + link)
    return page("Pembayaran", facts + _how_to_pay(payment, bank=bank) + link)


def _how_to_pay(payment: sqlite3.Row, *, bank: str) -> str:
    path = f"/pay/{payment['id']}"
    if payment["qr_string"]:
        picture = f'<img class="qr" src="{path}/qr.svg" width="256" height="256" alt="Kode QRIS (sandbox)">'
        how = f"<h2>{both('Pindai QRIS', 'Scan with your bank or wallet app')}</h2>{picture}"
    else:
        how = (
            f"<h2>{both(f'Transfer ke virtual account {bank}', 'Transfer to this virtual account')}</h2>"
            f'<p class="number">{escape(payment["va_number"])}</p>'
        )
    return f"""{how}
<p>{both("Bayar sebelum " + moment(payment["expires_at"]), "Pay before this time (UTC+7)")}</p>
<form method="post" action="{path}">
<button class="main">{both("Bayar sekarang (sandbox)", "Pay now")}</button></form>
"""


def control_page(payments: list[sqlite3.Row], mischief: dict[str, Any], lately: list[sqlite3.Row]) -> str:
    listed = "".join(_controls(payment) for payment in payments)
    notices = "".join(
        f"<li>{escape(n['payment'])}: {escape(n['state'])}, {n['attempts']}x {escape(n['outcome'])}"
        f"{' (forged)' if n['forged'] else ''}</li>"
        for n in lately
    )
    nothing = f"<p>{both('Belum ada.', 'None yet.')}</p>"
    return page(
        "Kendali sandbox",
        f"""<h2>{both("Pemberitahuan", "Notifications")}</h2>
{_settings(mischief)}<ul>{notices}</ul>
<h2>{both("Pembayaran", "Payments")}</h2>
{listed or nothing}""",
    )


def _settings(mischief: dict[str, Any]) -> str:
    def tick(name: str, indonesian: str, in_english: str) -> str:
        checked = " checked" if mischief[name] else ""
        box = f'<input type="checkbox" name="{name}" value="1"{checked}>'
        return f"<label>{box} {both(indonesian, in_english)}</label>"

    return f"""<form method="post" action="/control/settings">
<label>{both("Tunda (detik)", "Delay, seconds")}
<input name="delay_seconds" type="number" min="0" max="3600" step="any"
value="{mischief["delay_seconds"]:g}"></label>
<label>{both("Bagian yang hilang (0 sampai 1)", "Share that is lost")}
<input name="drop_share" type="number" min="0" max="1" step="any" value="{mischief["drop_share"]:g}"></label>
{tick("duplicate", "Kirim dua kali", "Send twice")}
{tick("reorder", "Acak urutan", "Shuffle the order")}
<label>{both("Jawab toko setelah (detik)", "Answer the shop after so many seconds")}
<input name="answer_seconds" type="number" min="0" max="60" step="any"
value="{mischief["answer_seconds"]:g}"></label>
{tick("silent", "Jangan jawab toko sama sekali", "Do not answer the shop at all")}
<button class="main">{both("Simpan", "Save")}</button></form>
"""


def _controls(payment: sqlite3.Row) -> str:
    buttons = "".join(
        f'<button name="action" value="{name}">{both(*words)}</button>' for name, words in ACTIONS.items()
    )
    number = payment["id"]
    money = f"{rupiah(payment['received'])} / {rupiah(payment['amount'])}"
    return f"""<article><h3><a href="/pay/{number}">{number}</a></h3>
<p>{both(*STATUSES[payment["status"]])} {money}, {escape(payment["description"])}</p>
<form method="post" action="/control/{number}">{buttons}</form></article>
"""
