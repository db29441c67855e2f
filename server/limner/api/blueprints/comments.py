"""Comments on images, in threads."""

from __future__ import annotations

from apiflask import APIBlueprint

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.schemas.comments import NewComment, Resolution, Thread, ThreadList
from limner.service import comments

blueprint = APIBlueprint("comments", __name__)


@blueprint.get("/images/<int:image_id>/comments")
@requires(Permission.VIEW)
@blueprint.output(ThreadList)
@blueprint.doc(operation_id="listComments")
def list_comments(image_id: int) -> ThreadList:
    """What was said about an image."""
    return ThreadList.of(comments.list_threads(services(), current_actor(), image_id))


@blueprint.post("/images/<int:image_id>/comments")
@requires(Permission.COMMENT)
@blueprint.input(NewComment)
@blueprint.output(Thread, status_code=201)
@blueprint.doc(operation_id="addComment")
def add_comment(image_id: int, json_data: NewComment) -> Thread:
    """Say something about an image, or answer, once however often it is sent; the thread that it is in."""
    said = json_data
    found = comments.say(
        services(), current_actor(), image_id, str(said.uid), said.text, thread_id=said.thread, about=said.about
    )
    return ThreadList.of(found).threads[0]


@blueprint.put("/comments/<int:comment_id>/resolved")
@requires(Permission.COMMENT)
@blueprint.input(Resolution)
@blueprint.output(Thread)
@blueprint.doc(operation_id="resolveThread")
def resolve_thread(comment_id: int, json_data: Resolution) -> Thread:
    """Say that nothing is left to do in a thread, or that something is."""
    found = comments.resolve(services(), current_actor(), comment_id, resolved=json_data.resolved)
    return ThreadList.of(found).threads[0]
