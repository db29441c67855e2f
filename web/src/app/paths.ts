/** Which page an address means, and back. Addresses are whole paths, below the root under which a proxy shows us. */
import { addressOf, EVERYTHING, type Listing } from "../api/listing.ts";
import { ROOT } from "../api/root.ts";

export type Route =
  | { page: "login" }
  | { page: "provider"; provider: string }
  | { page: "invitation" }
  | { page: "account" }
  | { page: "people" }
  | { page: "models" }
  | { page: "projects" }
  | { page: "audit"; projectId: number | null }
  | { page: "gallery"; projectId: number }
  | { page: "statistics"; projectId: number }
  | { page: "learning"; projectId: number }
  | { page: "verification"; projectId: number }
  | { page: "agreement"; projectId: number }
  | { page: "settle"; projectId: number; imageId: number }
  | { page: "webhooks"; projectId: number }
  | { page: "trash"; projectId: number }
  | { page: "annotate"; projectId: number; imageId: number }
  | { page: "unknown"; path: string };

export function routeOf(address: string, root = ROOT): Route {
  if (address !== root && !address.startsWith(`${root}/`)) return { page: "unknown", path: address };
  const path = address.slice(root.length) || "/";
  if (path === "/") return { page: "projects" };
  if (path === "/login") return { page: "login" };
  const provider = /^\/login\/([a-z0-9-]+)$/.exec(path);
  if (provider) return { page: "provider", provider: provider[1]! };
  if (path === "/invitation") return { page: "invitation" };
  if (path === "/account") return { page: "account" };
  if (path === "/people") return { page: "people" };
  const log = /^(?:\/projects\/(\d+))?\/audit\/?$/.exec(path);
  if (log) return { page: "audit", projectId: log[1] === undefined ? null : Number(log[1]) };
  if (path === "/models") return { page: "models" };
  const figures = /^\/projects\/(\d+)\/statistics\/?$/.exec(path);
  if (figures) return { page: "statistics", projectId: Number(figures[1]) };
  const learning = /^\/projects\/(\d+)\/learning\/?$/.exec(path);
  if (learning) return { page: "learning", projectId: Number(learning[1]) };
  const grid = /^\/projects\/(\d+)\/verification\/?$/.exec(path);
  if (grid) return { page: "verification", projectId: Number(grid[1]) };
  const agreement = /^\/projects\/(\d+)\/agreement(?:\/(\d+))?\/?$/.exec(path);
  if (agreement?.[2])
    return { page: "settle", projectId: Number(agreement[1]), imageId: Number(agreement[2]) };
  if (agreement) return { page: "agreement", projectId: Number(agreement[1]) };
  const hooks = /^\/projects\/(\d+)\/webhooks\/?$/.exec(path);
  if (hooks) return { page: "webhooks", projectId: Number(hooks[1]) };
  const trash = /^\/projects\/(\d+)\/trash\/?$/.exec(path);
  if (trash) return { page: "trash", projectId: Number(trash[1]) };
  const match = /^\/projects\/(\d+)(?:\/images\/(\d+))?\/?$/.exec(path);
  if (!match) return { page: "unknown", path: address };
  const projectId = Number(match[1]);
  return match[2]
    ? { page: "annotate", projectId, imageId: Number(match[2]) }
    : { page: "gallery", projectId };
}

/** Whether one signs in there: a link is about to answer who one is. */
export const isOutside = ({ page }: Route): boolean => ["login", "provider", "invitation"].includes(page);

export const HOME_PATH = `${ROOT}/`;
export const LOGIN_PATH = `${ROOT}/login`;
export const PEOPLE_PATH = `${ROOT}/people`;
export const MODELS_PATH = `${ROOT}/models`;
/** The guide, which is no page of this client: `plugins/guide.ts` makes its files. */
export const guidePath = `${ROOT}/guide/index.html`;
export const ACCOUNT_PATH = `${ROOT}/account`;
/** @param projectId null for that of the installation */
export const auditPath = (projectId: number | null) =>
  `${ROOT}${projectId === null ? "" : `/projects/${projectId}`}/audit`;
export const projectPath = (projectId: number, listing: Listing = EVERYTHING) =>
  `${ROOT}/projects/${projectId}${addressOf(listing)}`;
export const statisticsPath = (projectId: number) => `${ROOT}/projects/${projectId}/statistics`;
export const learningPath = (projectId: number) => `${ROOT}/projects/${projectId}/learning`;
export const verificationPath = (projectId: number) => `${ROOT}/projects/${projectId}/verification`;
/** An object on its image, from where one comes back to `back`, an address of the verification grid. */
export const fixPath = (projectId: number, imageId: number, object: string, back: string) =>
  `${ROOT}/projects/${projectId}/images/${imageId}?${new URLSearchParams({ object, back })}`;
export const agreementPath = (projectId: number) => `${ROOT}/projects/${projectId}/agreement`;
export const settlePath = (projectId: number, imageId: number) => `${agreementPath(projectId)}/${imageId}`;
export const webhooksPath = (projectId: number) => `${ROOT}/projects/${projectId}/webhooks`;
export const trashPath = (projectId: number) => `${ROOT}/projects/${projectId}/trash`;
/** @param listing in which one walks from there to the next and back */
export const imagePath = (projectId: number, imageId: number, listing: Listing = EVERYTHING) =>
  `${ROOT}/projects/${projectId}/images/${imageId}${addressOf(listing)}`;
