"""Where files lie, from one address: `file:///folder` or `s3://key:secret@host/bucket?region=…`."""

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from . import env


def storages(address: str) -> dict[str, dict[str, Any]]:
    """Django's STORAGES for STORAGE_URL. Nothing stored has a public address: files are only ever sent by our views."""
    return {
        "default": _documents(address),
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }


def _documents(address: str) -> dict[str, Any]:
    parts = urlsplit(address)
    if parts.scheme == "file":
        options: dict[str, Any] = {
            "location": unquote(parts.path),
            "base_url": None,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        }
        return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}
    if parts.scheme != "s3":
        env.refuse("STORAGE_URL must be file:///folder or s3://key:secret@host/bucket")
        return {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    query = parse_qs(parts.query)
    options = {
        "access_key": unquote(parts.username or ""),
        "secret_key": unquote(parts.password or ""),
        "bucket_name": parts.path.strip("/"),
        "region_name": query.get("region", [None])[0],
        "default_acl": None,
        "querystring_auth": True,
        "file_overwrite": True,
    }
    if parts.hostname and parts.hostname != "aws":
        secure = query.get("tls", ["1"])[0] != "0"
        port = f":{parts.port}" if parts.port else ""
        options["endpoint_url"] = f"{'https' if secure else 'http'}://{parts.hostname}{port}"
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
