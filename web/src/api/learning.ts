/** Calls about learning runs of a project. Each rejects with ApiError or NetworkError. */
import { apiOf, body } from "./calls.ts";
import type { Http } from "./http.ts";
import type { components } from "./schema.d.ts";
import type { LearningRun, LearningStages, ModelChange, Recipe } from "./types.ts";

export class LearningClient {
  private readonly api;

  constructor(http: Http) {
    this.api = apiOf(http.fetch);
  }

  /** The newest runs, newest first. */
  runs = async (projectId: number) => {
    const answer = this.api.GET("/api/v1/projects/{project_id}/learning", {
      params: { path: { project_id: projectId } },
    });
    return (await body<{ runs: LearningRun[] }>(answer)).runs;
  };
  stages = (projectId: number) =>
    body<LearningStages>(
      this.api.GET("/api/v1/projects/{project_id}/learning/stages", {
        params: { path: { project_id: projectId } },
      }),
    );
  begin = (projectId: number, recipe: Recipe) =>
    body<LearningRun>(
      this.api.POST("/api/v1/projects/{project_id}/learning", {
        params: { path: { project_id: projectId } },
        body: recipe as components["schemas"]["Recipe"], // what is left out has a usual value
      }),
    );
  steer = (runId: number, action: "cancel" | "resume") =>
    body<LearningRun>(
      this.api.POST("/api/v1/learning/{run_id}/{action}", { params: { path: { run_id: runId, action } } }),
    );
  /** @param knowingly also when it is not shown to be better */
  use = (runId: number, knowingly: boolean) =>
    body<ModelChange>(
      this.api.POST("/api/v1/learning/{run_id}/use", {
        params: { path: { run_id: runId } },
        body: { knowingly },
      }),
    );
  rollBack = (projectId: number) =>
    body<ModelChange>(
      this.api.POST("/api/v1/projects/{project_id}/learning/rollback", {
        params: { path: { project_id: projectId } },
      }),
    );
}
