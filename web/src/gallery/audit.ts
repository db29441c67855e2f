/** The audit log in words, and what its filters are in an address. */
import type { AuditAction, AuditEntry, AuditQuery } from "../api/types.ts";
import { m } from "../texts/messages.ts";

/** All that there are: one that is left out here does not compile. */
export const ACTION_NAMES: Readonly<Record<AuditAction, () => string>> = {
  sign_in: m.audit_action_sign_in,
  sign_out: m.audit_action_sign_out,
  "invitation.accept": m.audit_action_invitation_accept,
  "identity.connect": m.audit_action_identity_connect,
  "identity.disconnect": m.audit_action_identity_disconnect,
  "account.rename": m.audit_action_account_rename,
  "account.password": m.audit_action_account_password,
  "session.end": m.audit_action_session_end,
  "token.create": m.audit_action_token_create,
  "token.revoke": m.audit_action_token_revoke,
  "person.create": m.audit_action_person_create,
  "person.change": m.audit_action_person_change,
  "person.forget": m.audit_action_person_forget,
  "person.link": m.audit_action_person_link,
  "invitation.create": m.audit_action_invitation_create,
  "invitation.withdraw": m.audit_action_invitation_withdraw,
  "member.set": m.audit_action_member_set,
  "member.remove": m.audit_action_member_remove,
  "project.create": m.audit_action_project_create,
  "project.change": m.audit_action_project_change,
  "project.delete": m.audit_action_project_delete,
  "image.delete": m.audit_action_image_delete,
  "image.move": m.audit_action_image_move,
  "image.restore": m.audit_action_image_restore,
  "image.delete_for_good": m.audit_action_image_delete_for_good,
  "image.return": m.audit_action_image_return,
  "image.settle": m.audit_action_image_settle,
  "images.gold": m.audit_action_images_gold,
  "annotations.export": m.audit_action_annotations_export,
  "annotations.import": m.audit_action_annotations_import,
  "snapshot.take": m.audit_action_snapshot_take,
  "snapshot.delete": m.audit_action_snapshot_delete,
  "learning.start": m.audit_action_learning_start,
  "learning.cancel": m.audit_action_learning_cancel,
  "learning.resume": m.audit_action_learning_resume,
  "learning.use": m.audit_action_learning_use,
  "learning.roll_back": m.audit_action_learning_roll_back,
  "model.pull": m.audit_action_model_pull,
  "model.cancel": m.audit_action_model_cancel,
  "webhook.create": m.audit_action_webhook_create,
  "webhook.change": m.audit_action_webhook_change,
  "webhook.delete": m.audit_action_webhook_delete,
};

export interface AuditChoice {
  readonly person: number | null;
  readonly action: AuditAction | null;
  /** Days in UTC, as `2026-11-29`; empty: from the first, to the last. Both count. */
  readonly from: string;
  readonly to: string;
}

export const ALL_ENTRIES: AuditChoice = { person: null, action: null, from: "", to: "" };

const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** What an address says after its question mark; what it says otherwise than this page would is left out. */
export function choiceOf(said: URLSearchParams): AuditChoice {
  const person = said.get("person") ?? "";
  const action = said.get("action") ?? "";
  const day = (name: string) => {
    const text = said.get(name) ?? "";
    return DAY.test(text) && !Number.isNaN(Date.parse(text)) ? text : "";
  };
  return {
    person: /^[1-9]\d{0,14}$/.test(person) ? Number(person) : null,
    action: Object.hasOwn(ACTION_NAMES, action) ? (action as AuditAction) : null,
    from: day("from"),
    to: day("to"),
  };
}

export function addressOf(choice: AuditChoice): string {
  const chosen = Object.entries(choice).filter(([, value]) => value !== null && value !== "");
  const said = new URLSearchParams(chosen.map(([name, value]) => [name, String(value)])).toString();
  return said && `?${said}`;
}

/** As the server is asked: from the beginning of the first day to the end of the last one. */
export function queryOf({ person, action, from, to }: AuditChoice): AuditQuery {
  return {
    ...(person !== null && { person }),
    ...(action !== null && { action }),
    ...(from && { since: `${from}T00:00:00Z` }),
    ...(to && { until: dayAfter(to) }),
  };
}

function dayAfter(day: string): string {
  const next = new Date(`${day}T00:00:00Z`);
  next.setUTCDate(next.getUTCDate() + 1);
  return next.toISOString().replace(".000Z", "Z");
}

/** What was done something to, and how: `person Ada`, `image 7`, `to: anyone, note: the tail`. */
export function detailsOf({ target, target_id, target_name, details }: AuditEntry): string {
  const about = target_id === null ? [] : [`${target.replace("_", " ")} ${target_name ?? target_id}`];
  const more = Object.entries(details).map(([name, value]) => `${name}: ${inWords(value)}`);
  return [...about, ...more].join(", ");
}

const inWords = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
