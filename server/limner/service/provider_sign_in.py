"""Signing in with a provider: who is let in, and as whom.

A person and an identity belong together by the provider's ``iss`` and ``sub`` alone. They are brought together by the
person, signed in (:func:`begin` with an actor), or when the identity brings somebody new in; no e-mail, verified or
not, leads to an account that is there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import structlog
from sqlalchemy.orm import Session

from limner.access import Actor, Credential
from limner.errors import Forbidden, NotSignedIn
from limner.oidc import Identity, Provider, RelyingParties, RelyingParty, SignInFailed
from limner.service.audit import log_action
from limner.service.claimed_roles import follow_claims, is_given_a_role
from limner.service.sign_in import Origin, SignedIn
from limner.service.sign_in import begin as begin_session
from limner.store import Database
from limner.store.accounts import hash_secret
from limner.store.identities import connect, keep_pending, note_identity, redeem_pending, user_of_identity
from limner.store.invitations import accept_found, find_invitation, invitation_for
from limner.store.people import LastOwner, add_person, free_name, get_user, set_installation_role
from limner.store.tables import PendingSignIn, User

__all__ = ["Finished", "Provider", "ProviderAnswer", "RelyingParties", "begin", "finish"]

MAX_SAID = 200  # characters of a provider's own words that are passed on

logger = structlog.get_logger(__name__)


class NotAdmitted(NotSignedIn):
    """The provider knows them, and nothing lets them in here."""

    code = "not_admitted"


@dataclass(frozen=True)
class ProviderAnswer:
    """What a browser brings back from a provider: a code, or an error; and who says so (RFC 9207)."""

    state: str
    code: str | None = None
    error: str | None = None
    error_description: str | None = None
    issuer: str | None = None


@dataclass(frozen=True)
class Finished:
    """Somebody was signed in; or, where that is None, connected their account."""

    signed_in: SignedIn | None


def begin(
    database: Database,
    party: RelyingParty,
    *,
    browser: str,
    redirect_uri: str,
    invitation: str | None = None,
    actor: Actor | None = None,
) -> str:
    """Where the browser of somebody goes who wants to sign in, or to connect their account.

    Args:
        database: remembers it for ten minutes.
        party: the provider.
        browser: a secret that this browser alone has.
        redirect_uri: where it comes back to.
        invitation: the token of an invitation that they accept by it.
        actor: who is signed in, and connects their account to the identity with which they come back.

    Raises:
        ProviderUnavailable: the provider cannot be asked.
        InvalidInvitation: the invitation cannot be accepted.
        Forbidden: the actor has no session of a browser.
    """
    if actor is not None and actor.credential is not Credential.SESSION:
        raise Forbidden("An account is connected in the browser.", hint="Sign in there, and open your account's page.")
    if invitation is not None and not party.provider.invited:
        raise NotAdmitted(
            f"{party.provider.label} is not for people who are invited.", hint="Choose a name and a password instead."
        )
    begun = party.begin(redirect_uri)
    with database.write() as session:
        keep_pending(
            session,
            PendingSignIn(
                state_sha256=hash_secret(begun.state),
                browser_sha256=hash_secret(browser),
                provider=party.provider.name,
                nonce=begun.nonce,
                verifier=begun.verifier,
                redirect_uri=redirect_uri,
                invitation_id=None if invitation is None else find_invitation(session, invitation).id,
                session_sha256=None if actor is None else actor.key,
            ),
        )
    return begun.address


def finish(
    database: Database,
    party: RelyingParty,
    answer: ProviderAnswer,
    *,
    browser: str,
    actor: Actor | None,
    origin: Origin,
    signed_out_at: str,
) -> Finished:
    """Sign in who comes back from a provider, as whom the identity belongs to or as somebody new; or connect them.

    Args:
        database: knows what was begun.
        party: the provider.
        answer: what the browser brings.
        browser: its secret.
        actor: who is signed in there, if anybody.
        origin: where from.
        signed_out_at: where the provider sends people who have signed out.

    Raises:
        SignInFailed: it was not begun by this browser, is over, was used before; or what the provider says is not good.
        NotAdmitted: nothing lets this person in.
        NotSignedIn: they are disabled, or whoever began is signed in no more.
        IdentityTaken: the identity belongs to somebody else.
        ProviderUnavailable: the provider cannot be asked.
    """
    provider = party.provider
    with database.write() as session:
        pending = redeem_pending(session, answer.state, browser)
    if pending is None or pending.provider != provider.name:
        raise SignInFailed(
            "This sign-in was not begun in this browser, has been used, or took longer than ten minutes.",
            hint="Begin again.",
        )
    if answer.error is not None or answer.code is None:
        raise _refused(provider, answer)
    identity = party.finish(
        answer.code,
        issuer=answer.issuer,
        redirect_uri=pending.redirect_uri,
        nonce=pending.nonce,
        verifier=pending.verifier,
    )
    if pending.session_sha256 is not None:
        _connect(database, provider, identity, pending.session_sha256, actor, origin)
        return Finished(None)
    sign_out = party.sign_out_address(signed_out_at, identity.id_token)
    _refuse_who_left(database, provider, identity, origin)
    with database.write() as session:
        user, by = _person(session, provider, identity, pending.invitation_id)
        signed_in = begin_session(session, user, origin, by=by, provider=provider.name, sign_out=sign_out)
        if by != "provider":
            _log_newcomer(session, provider, identity, signed_in.actor, by)
        _follow_role(session, provider, identity, user, signed_in.actor)
        follow_claims(session, provider, identity, user, signed_in.actor)
        return Finished(
            replace(signed_in, actor=replace(signed_in.actor, role=Actor.of(user, Credential.SESSION).role))
        )


def _connect(
    database: Database, provider: Provider, identity: Identity, session_sha256: str, actor: Actor | None, origin: Origin
) -> None:
    if actor is None or actor.key != session_sha256:
        raise NotSignedIn("You are not signed in any more.", hint="Sign in, and connect your account again.")
    if not _may_come_back(provider, identity):
        raise _not_admitted(provider, identity)
    with database.write() as session:
        user = get_user(session, actor.user_id)
        connect(session, user, identity.issuer, identity.subject, _shown(identity))
        acting = replace(actor, request_id=origin.request_id)
        log_action(session, acting, "identity.connect", "person", user.id, provider=provider.name)


def _person(session: Session, provider: Provider, identity: Identity, invitation_id: int | None) -> tuple[User, str]:
    """Whom to sign in, and how they came in: ``provider`` is here already."""
    known = user_of_identity(session, identity.issuer, identity.subject)
    if known is not None:
        user, row = known
        if user.disabled is not None:
            raise NotSignedIn("This account is disabled.", hint="Ask an owner. What you did is kept.")
        note_identity(row, _shown(identity))
        return user, "provider"
    user, by = _newcomer(session, provider, identity, invitation_id)
    connect(session, user, identity.issuer, identity.subject, _shown(identity))
    return user, by


def _refuse_who_left(database: Database, provider: Provider, identity: Identity, origin: Origin) -> None:
    """Whom nothing lets in any more loses what claims gave them, too: they may be signed in elsewhere still."""
    if _may_come_back(provider, identity):
        return
    with database.write() as session:
        known = user_of_identity(session, identity.issuer, identity.subject)
        if known is None or known[0].disabled is not None:
            return
        actor = replace(Actor.of(known[0], Credential.SESSION), request_id=origin.request_id)
        follow_claims(session, provider, identity, known[0], actor)
    raise _not_admitted(provider, identity)


def _newcomer(session: Session, provider: Provider, identity: Identity, invitation_id: int | None) -> tuple[User, str]:
    name = free_name(session, identity.name or identity.email.partition("@")[0])
    if provider.invited and invitation_id is None and identity.email_verified and identity.email:
        found = invitation_for(session, identity.email)
        invitation_id = found.id if found else None
    if provider.invited and invitation_id is not None:
        return accept_found(session, invitation_id, name), "invitation"
    if _has_a_role(provider, identity):
        return add_person(session, name, _role(provider, identity) or "member"), "role"
    if not _of_a_domain(provider, identity):
        raise _not_admitted(provider, identity)
    return add_person(session, name, "member"), "domain"


def _may_come_back(provider: Provider, identity: Identity) -> bool:
    """Who is here already was invited, or else must still have what let them in."""
    return provider.invited or _has_a_role(provider, identity) or _of_a_domain(provider, identity)


def _role(provider: Provider, identity: Identity) -> str | None:
    granted = {provider.roles[value] for value in identity.roles if value in provider.roles}
    return "owner" if "owner" in granted else "member" if granted else None


def _has_a_role(provider: Provider, identity: Identity) -> bool:
    return _role(provider, identity) is not None or is_given_a_role(provider, identity)


def _of_a_domain(provider: Provider, identity: Identity) -> bool:
    local, _, domain = identity.email.rpartition("@")
    return identity.email_verified and local != "" and domain.casefold() in provider.domains


def _follow_role(session: Session, provider: Provider, identity: Identity, user: User, actor: Actor) -> None:
    """Where a claim gives roles it decides who is an owner, at every sign-in; but the last one stays."""
    role = (_role(provider, identity) or "member") if provider.roles else user.role
    if role == user.role:
        return
    before = user.role
    try:
        set_installation_role(session, user, role)
    except LastOwner:
        logger.warning("the only owner keeps the role that the provider does not give", user_id=user.id)
        return
    log_action(session, actor, "person.change", "person", user.id, before=before, role=role, provider=provider.name)


def _log_newcomer(session: Session, provider: Provider, identity: Identity, actor: Actor, by: str) -> None:
    if by != "invitation":
        log_action(session, actor, "person.create", "person", actor.user_id, role=actor.role, by=by)
    log_action(session, actor, "identity.connect", "person", actor.user_id, provider=provider.name)


def _shown(identity: Identity) -> str:
    return identity.email or identity.name or identity.subject


def _not_admitted(provider: Provider, identity: Identity) -> NotAdmitted:
    logger.warning("somebody is not admitted", provider=provider.name, subject=identity.subject)
    who = identity.email or identity.name or "whoever signed in"
    unverified = bool(identity.email) and not identity.email_verified
    why = f" {provider.label} does not say that the address {identity.email} has been verified." if unverified else ""
    return NotAdmitted(
        f"{provider.label} knows {who}, but nothing lets them in here.{why}",
        hint="Ask an owner for an invitation. Who has an account already signs in to it, and connects it there.",
    )


def _refused(provider: Provider, answer: ProviderAnswer) -> SignInFailed:
    said = (answer.error_description or answer.error or "nothing")[:MAX_SAID]
    logger.warning("a provider refused", provider=provider.name, error=answer.error, description=said)
    if answer.error == "access_denied":
        return SignInFailed(
            f"{provider.label} did not let you sign in: it was cancelled there, or you may not.",
            hint=f"It says: {said}. Begin again, or sign in another way.",
        )
    return SignInFailed(f"{provider.label} could not sign you in.", hint=f"It says: {said}. Begin again.")
