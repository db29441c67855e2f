"""One's own account."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.schemas.people import Account, AccountChanges, CreatedToken, NewToken, PasswordChange
from limner.service import own_account as service

blueprint = APIBlueprint("account", __name__)


@blueprint.get("/account")
@requires(Permission.OWN_ACCOUNT)
@blueprint.output(Account)
@blueprint.doc(operation_id="getAccount")
def get_account() -> Account:
    """One's own name, sessions and tokens."""
    return _present()


@blueprint.patch("/account")
@requires(Permission.OWN_ACCOUNT)
@blueprint.input(AccountChanges)
@blueprint.output(Account)
@blueprint.doc(operation_id="updateAccount")
def update_account(json_data: AccountChanges) -> Account:
    """Call oneself by another name, also on what one did before."""
    service.rename(services().database, current_actor(), json_data.name)
    return _present()


@blueprint.put("/account/password")
@requires(Permission.OWN_ACCOUNT)
@blueprint.input(PasswordChange)
@blueprint.output(Account)
@blueprint.doc(operation_id="setPassword")
def set_password(json_data: PasswordChange) -> Account:
    """Give oneself a password; one's other sessions end."""
    service.set_password(services().database, current_actor(), json_data.new, json_data.old)
    return _present()


@blueprint.delete("/account/sessions")
@requires(Permission.OWN_ACCOUNT)
@blueprint.doc(operation_id="endOtherSessions", responses={204: "Ended"})
def end_other_sessions() -> Response:
    """Sign out everywhere but here."""
    service.end_other_sessions(services().database, current_actor())
    return Response(status=204)


@blueprint.delete("/account/sessions/<key>")
@requires(Permission.OWN_ACCOUNT)
@blueprint.doc(operation_id="endSession", responses={204: "Ended"})
def end_session(key: str) -> Response:
    """Sign one browser out."""
    service.end_session(services().database, current_actor(), key)
    return Response(status=204)


@blueprint.post("/account/tokens")
@requires(Permission.OWN_ACCOUNT)
@blueprint.input(NewToken)
@blueprint.output(CreatedToken, status_code=201)
@blueprint.doc(operation_id="createToken")
def create_token(json_data: NewToken) -> CreatedToken:
    """A token for scripts, with scopes and an end; it is shown once."""
    new = json_data
    token = service.create_token(services().database, current_actor(), new.name, new.scopes, new.days)
    return CreatedToken(token=token)


@blueprint.delete("/account/tokens/<name>")
@requires(Permission.OWN_ACCOUNT)
@blueprint.doc(operation_id="revokeToken", responses={204: "Revoked"})
def revoke_token(name: str) -> Response:
    """Make a token worthless."""
    service.revoke_token(services().database, current_actor(), name)
    return Response(status=204)


def _present() -> Account:
    actor = current_actor()
    return Account.of(service.read_account(services().database, actor), actor.key)
