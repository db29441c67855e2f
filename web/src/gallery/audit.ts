/** The audit log in words, and what its filters are in an address. */
import type { AuditAction, AuditEntry, AuditQuery } from "../api/types.ts";

/** All that there are: one that is left out here does not compile. */
export const ACTION_NAMES: Readonly<Record<AuditAction, string>> = {
  sign_in: "Signed in",
  sign_out: "Signed out",
  "invitation.accept": "Accepted an invitation",
  "identity.connect": "Connected a sign-in provider",
  "identity.disconnect": "Disconnected a sign-in provider",
  "account.rename": "Changed their name",
  "account.password": "Changed their password",
  "session.end": "Ended a session",
  "token.create": "Made a token",
  "token.revoke": "Revoked a token",
  "person.create": "Added a person",
  "person.change": "Changed a person",
  "person.forget": "Made a person anonymous",
  "person.link": "Made a sign-in link",
  "invitation.create": "Invited",
  "invitation.withdraw": "Withdrew an invitation",
  "member.set": "Gave a role",
  "member.remove": "Took a role away",
  "project.create": "Created the project",
  "project.change": "Changed the project",
  "project.delete": "Deleted the project",
  "image.delete": "Deleted an image",
  "image.restore": "Restored an image",
  "image.delete_for_good": "Deleted an image for good",
  "image.return": "Returned an image",
  "image.settle": "Settled an image of several people",
  "images.gold": "Chose gold images",
  "annotations.export": "Exported",
  "annotations.import": "Imported",
  "snapshot.take": "Took a snapshot",
  "snapshot.delete": "Deleted a snapshot",
  "learning.start": "Began a learning run",
  "learning.cancel": "Cancelled a learning run",
  "learning.resume": "Resumed a learning run",
  "learning.use": "Used a version",
  "learning.roll_back": "Rolled back a version",
  "model.pull": "Fetched a model",
  "model.cancel": "Stopped fetching a model",
  "webhook.create": "Made a webhook",
  "webhook.change": "Changed a webhook",
  "webhook.delete": "Deleted a webhook",
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

/** What was done something to, and how: `image 7`, `to: anyone, note: the tail`. */
export function detailsOf({ target, target_id, details }: AuditEntry): string {
  const about = target_id === null ? [] : [`${target.replace("_", " ")} ${target_id}`];
  const more = Object.entries(details).map(([name, value]) => `${name}: ${inWords(value)}`);
  return [...about, ...more].join(", ");
}

const inWords = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
