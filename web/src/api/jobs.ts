/** Calls about the background work of a project. Each rejects with ApiError or NetworkError. */
import { type Apis, body } from "./calls.ts";
import type { Job, RankBy, SuggestRequest } from "./types.ts";

export const jobCalls = ({ api }: Apis) => ({
  jobs: async (projectId: number) => {
    const params = { path: { project_id: projectId } };
    return (await body<{ jobs: Job[] }>(api.GET("/api/v1/projects/{project_id}/jobs", { params }))).jobs;
  },
  precompute: (projectId: number) =>
    body<Job>(
      api.POST("/api/v1/projects/{project_id}/jobs", {
        params: { path: { project_id: projectId } },
        body: { kind: "precompute" },
      }),
    ),
  /** @param request by default everything on a grid */
  suggestOnAll: (projectId: number, request: SuggestRequest | null = null) =>
    body<Job>(
      api.POST("/api/v1/projects/{project_id}/jobs", {
        params: { path: { project_id: projectId } },
        body: { kind: "suggest", request },
      }),
    ),
  /** Orders the images of a project by what they would teach the model. */
  rankImages: (projectId: number, by: RankBy) =>
    body<Job>(
      api.POST("/api/v1/projects/{project_id}/jobs", {
        params: { path: { project_id: projectId } },
        body: { kind: "rank", by },
      }),
    ),
  steerJob: (id: number, action: "pause" | "resume" | "cancel" | "retry") =>
    body<Job>(api.POST("/api/v1/jobs/{job_id}/{action}", { params: { path: { job_id: id, action } } })),
});
