/** Calls about who works on which images. Each rejects with ApiError or NetworkError. */
import { type Apis, body } from "./calls.ts";
import type { Listing } from "./listing.ts";
import type { NewAssignment, NextImage, Workers } from "./types.ts";

const MOST_ASSIGNED = 10_000; // images at once

export const assignmentCalls = ({ api }: Apis) => ({
  /** @param question `give_back`: the image that one comes from is left to others */
  takeNext: (
    projectId: number,
    question: { current: number | null; give_back: boolean; among: Listing | null },
  ) =>
    body<NextImage>(
      api.POST("/api/v1/projects/{project_id}/next", {
        params: { path: { project_id: projectId } },
        body: question,
      }),
    ),
  /** Goes out even if the page closes. */
  giveBack: (imageId: number) =>
    api.DELETE("/api/v1/images/{image_id}/lease", {
      params: { path: { image_id: imageId } },
      keepalive: true,
    }),
  workers: (projectId: number) =>
    body<Workers>(
      api.GET("/api/v1/projects/{project_id}/assignments", {
        params: { path: { project_id: projectId } },
      }),
    ),
  assign: (projectId: number, assignment: NewAssignment) =>
    body<Workers>(
      api.PUT("/api/v1/projects/{project_id}/assignments", {
        params: { path: { project_id: projectId } },
        body: { state: "waiting", limit: MOST_ASSIGNED, ...assignment },
      }),
    ),
});
