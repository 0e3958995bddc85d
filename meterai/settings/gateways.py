"""How each payment gateway is set up, read from the environment. A gateway that is not named needs nothing."""

from collections.abc import Callable

from . import env

Options = dict[str, str]


def _sandbox() -> Options:
    return {
        "url": env.text("SANDBOX_URL"),
        "server_key": env.text("SANDBOX_SERVER_KEY"),
        "notify_secret": env.text("SANDBOX_NOTIFY_SECRET"),
    }


def _midtrans() -> Options:
    return {
        "server_key": env.text("MIDTRANS_SERVER_KEY"),
        "environment": env.text("MIDTRANS_ENVIRONMENT", default="production"),
        "va_bank": env.text("MIDTRANS_VA_BANK", default="bca"),
        "qris_acquirer": env.text("MIDTRANS_QRIS_ACQUIRER", default="gopay"),
        "fee_qris": env.text("MIDTRANS_FEE_QRIS", default="0"),
        "fee_va": env.text("MIDTRANS_FEE_VA", default="0"),
    }


def _xendit() -> Options:
    return {
        "secret_key": env.text("XENDIT_SECRET_KEY"),
        "callback_token": env.text("XENDIT_CALLBACK_TOKEN"),
        "environment": env.text("XENDIT_ENVIRONMENT", default="production"),
        "va_bank": env.text("XENDIT_VA_BANK", default="BNI"),
        "va_name": env.text("XENDIT_VA_NAME", default="Meterai"),
        "fee_qris": env.text("XENDIT_FEE_QRIS", default="0"),
        "fee_va": env.text("XENDIT_FEE_VA", default="0"),
    }


def _doku() -> Options:
    return {
        "client_id": env.text("DOKU_CLIENT_ID"),
        "secret_key": env.text("DOKU_SECRET_KEY"),
        "environment": env.text("DOKU_ENVIRONMENT", default="production"),
        "va_banks": env.text("DOKU_VA_BANKS", default="bca,mandiri,bri,bni"),
        "fee_qris": env.text("DOKU_FEE_QRIS", default="0"),
        "fee_va": env.text("DOKU_FEE_VA", default="0"),
    }


def _transfer() -> Options:
    return {
        "bank": env.text("TRANSFER_BANK"),
        "number": env.text("TRANSFER_NUMBER"),
        "holder": env.text("TRANSFER_HOLDER"),
        "hours": env.text("TRANSFER_HOURS", default="24"),
        "environment": env.text("TRANSFER_ENVIRONMENT", default="production"),
    }


_READERS: dict[str, Callable[[], Options]] = {
    "sandbox": _sandbox,
    "midtrans": _midtrans,
    "xendit": _xendit,
    "doku": _doku,
    "transfer": _transfer,
}


def read(names: list[str]) -> dict[str, Options]:
    """GATEWAY_SETTINGS for the gateways named in GATEWAYS; one that we do not know is refused ("none" is nobody)."""
    for name in names:
        if name not in _READERS and name != "none":
            env.refuse(f"GATEWAYS names {name}, which is none of {', '.join(_READERS)}")
    return {name: _READERS[name]() for name in names if name in _READERS}
