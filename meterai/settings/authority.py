"""Who seals and how long it can be proved, read from the environment. What an engine does not use, it need not have."""

from typing import Any

from . import env

Options = dict[str, str]


def _token() -> Options:
    return {
        "module": env.text("PKCS11_MODULE"),
        "token": env.text("PKCS11_TOKEN"),
        "key": env.text("PKCS11_KEY"),
        "pin_secret": env.text("PKCS11_PIN"),
        "chain": env.text("PKCS11_CHAIN", default=""),
    }


def _issuer() -> Options:
    return {
        "backend": env.text("ISSUER_BACKEND_URL"),
        "stamps": env.text("ISSUER_STAMP_URL"),
        "user": env.text("ISSUER_USER"),
        "password": env.text("ISSUER_PASSWORD"),
        "document_type": env.text("ISSUER_DOCUMENT_TYPE", default="3"),
        "adapter": env.text("ISSUER_ADAPTER_URL"),
        "folder": env.text("ISSUER_FOLDER"),
        "folder_there": env.text("ISSUER_ADAPTER_FOLDER", default="/sharefolder"),
        "profile": env.text("ISSUER_PROFILE", default="emeteraicertificateSigner"),
        "location": env.text("ISSUER_LOCATION", default="JAKARTA"),
        "patience": env.text("ISSUER_PATIENCE", default="10"),
    }


def read() -> dict[str, Any]:
    """AUTHORITY: the engine, the level, and the options of what these two use."""
    engine = env.text("SEAL_ENGINE", default="local")
    options: dict[str, Any] = {
        "engine": engine,
        "level": env.text("SEAL_LEVEL", default="B-B"),
        "revocation_urls": env.words("SEAL_CRL_URLS"),
        "tsa": {
            "url": env.text("TSA_URL", default=""),
            "roots": env.text("TSA_ROOTS", default=""),
            "authorization_secret": env.text("TSA_AUTHORIZATION", default=""),
            "missing": env.text("TSA_MISSING", default="delay"),
        },
    }
    if engine == "token":
        options["token"] = _token()
    if engine == "issuer":
        options["issuer"] = _issuer()
    return options
