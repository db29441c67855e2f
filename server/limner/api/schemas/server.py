"""Sessions, the server's own state, models and jobs."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, JsonValue, StringConstraints, model_validator

from limner.access import InstallationRole, Permission
from limner.api.schemas.base import Answer, Request
from limner.vocabulary.events import EncoderStatus, Timestamp
from limner.vocabulary.states import JobKindName, JobStateName, RankBy
from limner.vocabulary.suggested import SuggestRequest


class SessionUser(Answer):
    """Who is signed in; what a browser keeps for them it keeps under ``storage_key``, which never changes."""

    id: int
    name: str
    role: InstallationRole
    storage_key: str


class Session(Answer):
    """The signed-in person, and the token that changes must carry in the header X-CSRFToken.

    ``permissions`` are those in the installation; a project says which one has there. ``installation`` names the
    database, wherever it is served: what a client keeps for later belongs to that and not to the address.
    """

    user: SessionUser
    permissions: list[Permission]
    csrf_token: str
    installation: UUID


class SignIn(Request):
    """The token of a sign-in link, or else a name and a password."""

    token: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)] | None = None
    name: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=255)] | None = None
    password: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=1000)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = (self.token is not None, self.name is not None, self.password is not None)
        if given not in ((True, False, False), (False, True, True)):
            raise ValueError("give either a token, or a name and a password")
        return self


class QueueStatus(Answer):
    """The queue in front of the encoder since the server started."""

    waiting: int
    running: int
    done: int
    failed: int
    encoding_image_sha256: str | None
    seconds_per_image: float | None


class ServerStatus(Answer):
    """The server, its model and its encoder."""

    version: str
    device: Literal["cpu", "cuda"]
    model: str
    model_sha256: str
    encoder: EncoderStatus
    queue: QueueStatus
    cores: int


class ModelPull(Answer):
    """How far a model is that is being fetched, or why it could not be; it goes on when it is asked for again.

    ``done`` and ``total`` are bytes of the published file; ``total`` is null where nobody has written it down.
    """

    state: Literal["pulling", "failed"]
    done: int
    total: int | None
    message: str
    hint: str


class Model(Answer):
    """A model that Limner knows or that is installed; ``default`` is the one that the installation uses.

    ``bytes`` is the size of its weights, ``quality`` what was measured of it, for people; of models that are not
    installed nothing is known of either. ``download_bytes`` is the size of the published file, where that is written
    down. ``bundled`` came with Limner. ``source`` is where the weights are from, for people. ``pull`` is null where
    nobody has it fetched.
    """

    name: str
    title: str
    family: str
    licence: str
    installed: bool
    bundled: bool
    default: bool
    weights_sha256: str | None
    bytes: int | None
    quality: dict[str, JsonValue]
    source: str
    download_bytes: int | None
    pull: ModelPull | None


class ModelList(Answer):
    """All models by name."""

    models: list[Model]


class NewJob(Request):
    """Work to start on a project; ``suggest`` takes what to look for, by default everything on a grid.

    ``rank`` takes by what: how unsure the model is, how unlike they are to others, or by both, as usual.
    """

    kind: Literal["precompute", "suggest", "rank"]
    request: SuggestRequest | None = None
    by: RankBy | None = None

    @model_validator(mode="after")
    def _check_request(self) -> Self:
        if self.request is not None and self.kind != "suggest":
            raise ValueError("only jobs of the kind suggest take a request")
        if self.by is not None and self.kind != "rank":
            raise ValueError("only jobs of the kind rank take by")
        return self


class Job(Answer):
    """Work on a project that goes on in the background; ``model`` is the one that the project uses after it."""

    id: int
    project_id: int
    kind: JobKindName
    state: JobStateName
    done: int
    total: int
    failed: int
    message: str
    model: str | None
    created: Timestamp
    updated: Timestamp


class JobList(Answer):
    """The newest jobs of a project, newest first."""

    jobs: list[Job]


class JobFailure(Answer):
    """Something in a job that has failed for good; ``image_id`` is null when the image was deleted since."""

    image_id: int | None
    file_name: str
    message: str


class JobFailures(Answer):
    """What has failed in a job."""

    failures: list[JobFailure]


class EventsQuery(Request):
    """The last event that is known: what came since is told first."""

    after: Annotated[int, Field(ge=0, lt=2**63)] | None = None


class GraphQuery(Request):
    """Which version of the graph is meant: with the sha256 that the manifest gives, the answer never goes stale."""

    v: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")] | None = None
