/** What roles and scopes are called for people, and what each is for. */

import { ROOT } from "../api/root.ts";
import type { Person, ProjectRole, Scope } from "../api/types.ts";
import { amid, moment as written } from "../texts/format.ts";
import { m } from "../texts/messages.ts";

export const projectRoles = (): readonly [role: ProjectRole, name: string, what: string][] => [
  ["manager", m.app_role_manager(), m.app_role_manager_hint()],
  ["reviewer", m.app_role_reviewer(), m.app_role_reviewer_hint()],
  ["annotator", m.app_role_annotator(), m.app_role_annotator_hint()],
  ["viewer", m.app_role_viewer(), m.app_role_viewer_hint()],
];

const ROLES: Readonly<Record<ProjectRole | Person["role"], () => string>> = {
  manager: m.app_role_manager,
  reviewer: m.app_role_reviewer,
  annotator: m.app_role_annotator,
  viewer: m.app_role_viewer,
  owner: m.app_role_owner,
  member: m.app_role_member,
};

/** A role as it stands within a sentence. */
export const roleWord = (role: ProjectRole | Person["role"]): string => amid(ROLES[role]());

export const scopes = (): readonly [scope: Scope, what: string][] => [
  ["all", m.app_scope_all()],
  ["read", m.app_scope_read()],
  ["annotate", m.app_scope_annotate()],
  ["exchange", m.app_scope_exchange()],
  ["manage", m.app_scope_manage()],
  ["metrics", m.app_scope_metrics()],
];

/** The address that leads to a page with a secret, which servers never see: it is behind the #. */
export const secretLink = (page: "login" | "invitation", token: string) =>
  `${location.origin}${ROOT}/${page}#token=${encodeURIComponent(token)}`;

export const moment = (at: string | null | undefined) => (at ? written(at) : m.app_never());
