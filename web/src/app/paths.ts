/** Which page an address means, and back. */

export type Route =
  | { page: "login" }
  | { page: "invitation" }
  | { page: "account" }
  | { page: "people" }
  | { page: "projects" }
  | { page: "gallery"; projectId: number }
  | { page: "annotate"; projectId: number; imageId: number }
  | { page: "unknown"; path: string };

export function routeOf(path: string): Route {
  if (path === "/") return { page: "projects" };
  if (path === "/login") return { page: "login" };
  if (path === "/invitation") return { page: "invitation" };
  if (path === "/account") return { page: "account" };
  if (path === "/people") return { page: "people" };
  const match = /^\/projects\/(\d+)(?:\/images\/(\d+))?\/?$/.exec(path);
  if (!match) return { page: "unknown", path };
  const projectId = Number(match[1]);
  return match[2]
    ? { page: "annotate", projectId, imageId: Number(match[2]) }
    : { page: "gallery", projectId };
}

export const projectPath = (projectId: number) => `/projects/${projectId}`;
export const imagePath = (projectId: number, imageId: number) => `/projects/${projectId}/images/${imageId}`;
