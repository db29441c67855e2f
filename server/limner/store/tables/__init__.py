"""Every table. The domain's rules live in the modules beside this package; here is what can be stored at all."""

from limner.store.tables.base import IS_GONE, IS_OPEN, IS_UNCOUNTED, UNRANKED, Base
from limner.store.tables.gold import GoldReference, GoldScore
from limner.store.tables.images import (
    Annotation,
    Comment,
    Edit,
    Embedding,
    Exhaustivity,
    Image,
    ImageAssessment,
    ImageTag,
    Judgement,
    Suggestion,
)
from limner.store.tables.learning import LearningRun
from limner.store.tables.overlap import OverlapAnswer, OverlapPair
from limner.store.tables.people import (
    ApiToken,
    AuditEntry,
    Installation,
    Invitation,
    LoginLink,
    LoginSession,
    Membership,
    PendingSignIn,
    ProviderIdentity,
    User,
)
from limner.store.tables.projects import Category, Project, Snapshot
from limner.store.tables.statistics import (
    EffortDay,
    EffortGroup,
    EncodedCount,
    FolderSize,
    ImageRollup,
    JudgementGroup,
    ProjectSize,
    StateDay,
)
from limner.store.tables.webhooks import Webhook, WebhookDelivery
from limner.store.tables.work import Encoder, Event, Job, JobItem, RateCount

__all__ = [
    "IS_GONE",
    "IS_OPEN",
    "IS_UNCOUNTED",
    "UNRANKED",
    "Annotation",
    "ApiToken",
    "AuditEntry",
    "Base",
    "Category",
    "Comment",
    "Edit",
    "EffortDay",
    "EffortGroup",
    "Embedding",
    "EncodedCount",
    "Encoder",
    "Event",
    "Exhaustivity",
    "FolderSize",
    "GoldReference",
    "GoldScore",
    "Image",
    "ImageAssessment",
    "ImageRollup",
    "ImageTag",
    "Installation",
    "Invitation",
    "Job",
    "JobItem",
    "Judgement",
    "JudgementGroup",
    "LearningRun",
    "LoginLink",
    "LoginSession",
    "Membership",
    "OverlapAnswer",
    "OverlapPair",
    "PendingSignIn",
    "Project",
    "ProjectSize",
    "ProviderIdentity",
    "RateCount",
    "Snapshot",
    "StateDay",
    "Suggestion",
    "User",
    "Webhook",
    "WebhookDelivery",
]
