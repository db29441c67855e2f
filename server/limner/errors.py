"""Every error that Limner raises on purpose.

::

    LimnerError
    ├── InvalidInput (422)            what was given cannot be used
    │   ├── InvalidImage              not an image, truncated, or of a format that is not accepted
    │   │   └── ImageTooLarge (413)
    │   ├── InvalidRle                runs that do not fit the image
    │   ├── InvalidPrompt             points or boxes outside the image, NaN, unknown labels
    │   ├── InvalidFile               a COCO, SA-1B or configuration file that cannot be read
    │   └── OperationReused           one operation id, two different operations
    ├── NotSignedIn (401) · Forbidden (403) · NotFound (404)
    ├── Conflict (409)
    │   └── ModelChanged              the project uses another model than the one that was named
    ├── StaleRevision (412) · RevisionRequired (428)
    ├── ModelError (500)
    │   ├── MissingWeights            nothing to load under that name
    │   ├── WrongWeights              a checkpoint of another family, a flipped byte, a pickle with code in it
    │   └── ExportFailed              the ONNX graph disagrees with torch
    ├── EncoderFailed (500)           the encoder could not encode this image
    ├── Unavailable (503)             not yet, try again
    │   └── NoNetwork
    └── StorageFull (507)

The class fixes the code and the HTTP status, the message says what was wrong, the hint what would be right.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import ClassVar, Self


class LimnerError(Exception):
    """Base of all errors that are meant to be read by a person.

    Attributes:
        code: stable snake_case name that scripts may test for.
        status: the HTTP status under which the API reports it.
        message: what was wrong, naming the thing.
        hint: what would be right; may be empty.
        details: JSON-serialisable facts for programs.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str = "", details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details: dict[str, object] = dict(details or {})

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class InvalidInput(LimnerError):
    code = "invalid_input"
    status = 422


class InvalidImage(InvalidInput):
    code = "invalid_image"


class ImageTooLarge(InvalidImage):
    code = "image_too_large"
    status = 413


class InvalidRle(InvalidInput):
    code = "invalid_rle"


class InvalidPrompt(InvalidInput):
    code = "invalid_prompt"


class InvalidFile(InvalidInput):
    code = "invalid_file"


class OperationReused(InvalidInput):
    code = "operation_id_reused"


class NotSignedIn(LimnerError):
    code = "not_signed_in"
    status = 401


class Forbidden(LimnerError):
    code = "forbidden"
    status = 403


class NotFound(LimnerError):
    code = "not_found"
    status = 404

    @classmethod
    def row(cls, kind: str, key: int | str) -> Self:
        """There is no row of this kind under this key; the same words whether it is missing or hidden."""
        return cls(f"There is no {kind} {key}.", hint="It may have been deleted.")


class Conflict(LimnerError):
    code = "conflict"
    status = 409


class ModelChanged(Conflict):
    code = "model_changed"


class StaleRevision(LimnerError):
    code = "stale_revision"
    status = 412


class RevisionRequired(LimnerError):
    code = "revision_required"
    status = 428


class ModelError(LimnerError):
    code = "model_error"


class MissingWeights(ModelError):
    code = "missing_weights"


class WrongWeights(ModelError):
    code = "wrong_weights"


class ExportFailed(ModelError):
    code = "export_failed"


class EncoderFailed(LimnerError):
    code = "encoder_failed"


class Unavailable(LimnerError):
    code = "unavailable"
    status = 503


class NoNetwork(Unavailable):
    code = "no_network"


class StorageFull(LimnerError):
    code = "storage_full"
    status = 507

    @classmethod
    def of(cls, error: OSError) -> StorageFull:
        """The error for a disk that took nothing more, or reported a fault."""
        if error.errno == errno.EIO:
            return cls("The server's disk reports an error.", hint="Nothing was stored. Look after the disk.")
        return cls("There is no space left on the server.", hint="Free some disk space and try again.")


def is_disk_full(error: OSError) -> bool:
    """Whether the disk, and not what was to be written, is at fault."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)
