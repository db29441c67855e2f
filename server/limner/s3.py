"""S3 and what speaks its protocol (MinIO, Ceph …): opening a prefix, and what its errors mean.

Credentials, endpoint and region come from the usual ``AWS_*`` environment variables.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import Any

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import from_url

from limner.errors import InvalidInput, StorageFull, Unavailable

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:/")  # also with one slash, which is a slip; C:/blobs is a folder
S3_URL = re.compile(r"s3://[^/]+(/.*)?", re.IGNORECASE)
CLIENT: Any = {"connect_timeout": timedelta(seconds=3), "timeout": timedelta(seconds=20)}  # of one request
RETRIES: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=5)}
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
REFUSED = re.compile(r"status code: 40[13]\b")  # how lists say it
YES = ("1", "true", "yes", "on")


def is_url(place: str) -> bool:
    """Whether this names something else than a folder."""
    return "://" in place or URL.match(place) is not None


def open_prefix(url: str, **options: Any) -> Any:
    """The obstore of ``s3://bucket/prefix``; nobody is asked yet whether it is there.

    Raises:
        InvalidInput: the URL is none that can be used.
    """
    hint = "Give a folder or s3://BUCKET/PREFIX in LIMNER_BLOB_URL."
    if not S3_URL.fullmatch(url):
        raise InvalidInput(f"The blob URL {url} cannot be used.", hint=hint)
    client = {**CLIENT, "allow_http": _plain_http_is_meant(), **options.pop("client_options", {})}
    try:
        return from_url(url, **{"client_options": client, "retry_config": RETRIES, **options})
    except (BaseError, ValueError) as error:
        raise InvalidInput(f"The blob URL {url} cannot be used.", hint=hint) from error


def raise_unless_absent(error: BaseError | FileNotFoundError) -> None:
    """Nothing, when there is just no such object.

    Raises:
        Unavailable: the bucket is not there or nobody answers; that says nothing about the object.
    """
    if not isinstance(error, FileNotFoundError) or "NoSuchBucket" in str(error):
        raise refusal(error) from error


def is_empty(error: Exception) -> bool:
    """Whether an object has no bytes, so that S3 has no first of them to give. Keys may have the number in them."""
    return "status code: 416" in str(error)


def refusal(error: BaseError | FileNotFoundError) -> StorageFull | Unavailable:
    """What to tell when a store did not do what it was asked."""
    if "No space left" in str(error):
        return StorageFull("There is no space left for this file.", hint="Free some disk space and try again.")
    if "NoSuchBucket" in str(error):
        return Unavailable(
            "The blob store's bucket does not exist.", hint="Make it, or name another in LIMNER_BLOB_URL."
        )
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or REFUSED.search(str(error)):
        return Unavailable(
            "The blob store refuses these credentials.",
            hint="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY need to get, put, delete and list objects there.",
        )
    return Unavailable("The blob store does not answer.", hint="Nothing was stored; try again in a moment.")


def _plain_http_is_meant() -> bool:
    """Whoever names an endpoint of a network of their own without TLS means it, as in other tools."""
    named = any(os.environ.get(name, "").startswith("http://") for name in ENDPOINTS)
    return named or os.environ.get("AWS_ALLOW_HTTP", "").lower() in YES
