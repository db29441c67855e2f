/** Calls about the figures of a project. Each rejects with ApiError or NetworkError. */
import { apiOf, body } from "./calls.ts";
import type { Http } from "./http.ts";
import { ROOT } from "./root.ts";
import type { Effort, EffortBy, GoldSummary, OwnStatistics, Progress, Reviews } from "./types.ts";

export class StatisticsClient {
  private readonly api;

  constructor(http: Http) {
    this.api = apiOf(http.fetch);
  }

  progress = (projectId: number) =>
    body<Progress>(
      this.api.GET("/api/v1/projects/{project_id}/statistics/progress", {
        params: { path: { project_id: projectId } },
      }),
    );
  /** @param person only what this one made; null: what everybody did */
  effort = async (projectId: number, by: EffortBy, person: number | null) => {
    const query = person === null ? { by } : { by, person };
    const answer = this.api.GET("/api/v1/projects/{project_id}/statistics/effort", {
      params: { path: { project_id: projectId }, query },
    });
    return (await body<{ groups: Effort[] }>(answer)).groups;
  };
  reviews = async (projectId: number) => {
    const answer = this.api.GET("/api/v1/projects/{project_id}/statistics/reviews", {
      params: { path: { project_id: projectId } },
    });
    return (await body<{ people: Reviews[] }>(answer)).people;
  };
  gold = (projectId: number) =>
    body<GoldSummary>(
      this.api.GET("/api/v1/projects/{project_id}/statistics/gold", {
        params: { path: { project_id: projectId } },
      }),
    );
  own = (projectId: number) =>
    body<OwnStatistics>(
      this.api.GET("/api/v1/projects/{project_id}/statistics/own", {
        params: { path: { project_id: projectId } },
      }),
    );
}

/** Where a table is downloaded. */
export const tableAddress = (projectId: number, table: "progress" | "effort" | "own" | "gold") =>
  `${ROOT}/api/v1/projects/${projectId}/statistics/${table}.csv`;
