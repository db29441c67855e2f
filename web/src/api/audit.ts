/** Calls about the audit log. Each rejects with ApiError or NetworkError. */
import { apiOf, body } from "./calls.ts";
import type { Http } from "./http.ts";
import { ROOT } from "./root.ts";
import type { AuditLog, AuditQuery } from "./types.ts";

export class AuditClient {
  private readonly api;

  constructor(http: Http) {
    this.api = apiOf(http.fetch);
  }

  /** A page of it, newest first. @param projectId null for that of the installation */
  log = (projectId: number | null, query: AuditQuery, before: number | null = null) => {
    const asked = { ...query, ...(before !== null && { before }) };
    return body<AuditLog>(
      projectId === null
        ? this.api.GET("/api/v1/audit", { params: { query: asked } })
        : this.api.GET("/api/v1/projects/{project_id}/audit", {
            params: { path: { project_id: projectId }, query: asked },
          }),
    );
  };
}

/** Where all of that is a CSV file. */
export function auditTable(projectId: number | null, query: AuditQuery): string {
  const place = projectId === null ? "" : `/projects/${projectId}`;
  const said = new URLSearchParams(
    Object.entries(query).map(([name, value]) => [name, String(value)]),
  ).toString();
  return `${ROOT}/api/v1${place}/audit.csv${said && `?${said}`}`;
}
