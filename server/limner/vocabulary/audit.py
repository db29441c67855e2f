"""What the audit log remembers that people did, by the names under which it is stored and told."""

from __future__ import annotations

from typing import Literal

AuditAction = Literal[
    "sign_in",
    "sign_out",
    "invitation.accept",
    "identity.connect",
    "identity.disconnect",
    "account.rename",
    "account.password",
    "session.end",
    "token.create",
    "token.revoke",
    "person.create",
    "person.change",
    "person.forget",
    "person.link",
    "invitation.create",
    "invitation.withdraw",
    "member.set",
    "member.remove",
    "project.create",
    "project.change",
    "project.delete",
    "image.delete",
    "image.move",
    "image.restore",
    "image.delete_for_good",
    "image.return",
    "image.settle",
    "images.gold",
    "annotations.export",
    "annotations.import",
    "snapshot.take",
    "snapshot.delete",
    "learning.start",
    "learning.cancel",
    "learning.resume",
    "learning.use",
    "learning.roll_back",
    "webhook.create",
    "webhook.change",
    "webhook.delete",
    "model.pull",
    "model.cancel",
]
AuditTarget = Literal[
    "person", "project", "image", "snapshot", "learning_run", "invitation", "token", "session", "webhook", "model"
]
