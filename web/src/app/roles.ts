/** What roles and scopes are called for people, and what each is for. */
import { ROOT } from "../api/root.ts";
import type { ProjectRole, Scope } from "../api/types.ts";

export const PROJECT_ROLES: readonly [ProjectRole, string, string][] = [
  ["manager", "Manager", "images, categories, exports, members"],
  ["reviewer", "Reviewer", "reviews what was submitted, may annotate"],
  ["annotator", "Annotator", "draws masks and submits images"],
  ["viewer", "Viewer", "looks, and changes nothing"],
];

export const SCOPES: readonly [Scope, string][] = [
  ["all", "Everything that you may do"],
  ["read", "Read projects, images and annotations"],
  ["annotate", "Read, and write annotations"],
  ["exchange", "Read, import and export"],
  ["manage", "Manage projects"],
  ["metrics", "Read the server's metrics"],
];

/** The address that leads to a page with a secret, which servers never see: it is behind the #. */
export const secretLink = (page: "login" | "invitation", token: string) =>
  `${location.origin}${ROOT}/${page}#token=${encodeURIComponent(token)}`;

export const moment = (at: string | null | undefined) => (at ? new Date(at).toLocaleString() : "never");
