/** Calls about exports and snapshots of a project. Each rejects with ApiError or NetworkError. */
import { apiOf, body, type Signal } from "./calls.ts";
import type { Http } from "./http.ts";
import { ROOT } from "./root.ts";
import type { ExportPreview, ExportQuery, Snapshot, SnapshotDiff, ToleranceCost } from "./types.ts";

export class ExportsClient {
  private readonly api;

  constructor(
    private readonly http: Http,
    server = ROOT,
  ) {
    this.api = apiOf(http.fetch, server);
  }

  preview = (projectId: number, query: ExportQuery, init: Signal = {}) =>
    body<ExportPreview>(
      this.api.GET("/api/v1/projects/{project_id}/export/preview", {
        params: { path: { project_id: projectId }, query },
        ...init,
      }),
    );
  /** What the polygons' tolerance costs, measured on some of the masks. */
  tolerance = (projectId: number, query: ExportQuery, init: Signal = {}) =>
    body<ToleranceCost>(
      this.api.GET("/api/v1/projects/{project_id}/export/tolerance", {
        params: { path: { project_id: projectId }, query },
        ...init,
      }),
    );
  /** @param address as {@link projectExport} or {@link snapshotFile} gives it. @returns what is read as it comes */
  open = (address: string, signal: AbortSignal): Promise<Response> =>
    this.http.fetch(new Request(new URL(address, location.href), { signal }));

  snapshots = async (projectId: number) => {
    const params = { path: { project_id: projectId } };
    const answer = this.api.GET("/api/v1/projects/{project_id}/snapshots", { params });
    return (await body<{ snapshots: Snapshot[] }>(answer)).snapshots;
  };
  takeSnapshot = (projectId: number, name: string) =>
    body<Snapshot>(
      this.api.POST("/api/v1/projects/{project_id}/snapshots", {
        params: { path: { project_id: projectId } },
        body: { name },
      }),
    );
  /** @param after the newer one; null: how the project stands now */
  compare = (before: number, after: number | null) =>
    body<SnapshotDiff>(
      this.api.GET("/api/v1/snapshots/{snapshot_id}/diff", {
        params: { path: { snapshot_id: before }, query: after === null ? {} : { after } },
      }),
    );
  deleteSnapshot = (id: number) =>
    this.api.DELETE("/api/v1/snapshots/{snapshot_id}", { params: { path: { snapshot_id: id } } });
}

/** Where an export is downloaded. */
export const projectExport = (projectId: number, query: ExportQuery) =>
  `${ROOT}/api/v1/projects/${projectId}/export?${new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]))}`;
export const snapshotFile = (id: number) => `${ROOT}/api/v1/snapshots/${id}/file`;
