/** Calls about suggestions on one image, and what can make them. Each rejects with ApiError or NetworkError. */
import { type Apis, body, type Signal } from "./calls.ts";
import type { Detector, SuggestionList, SuggestRequest, TextThreshold } from "./types.ts";

export const suggestionCalls = ({ api }: Apis) => ({
  suggestions: (imageId: number, init: Signal = {}) =>
    body<SuggestionList>(
      api.GET("/api/v1/images/{image_id}/suggestions", {
        params: { path: { image_id: imageId } },
        ...init,
      }),
    ),
  requestSuggestions: (imageId: number, request: SuggestRequest) =>
    body<SuggestionList>(
      api.POST("/api/v1/images/{image_id}/suggestions", {
        params: { path: { image_id: imageId } },
        body: { request },
      }),
    ),
  cancelSuggestions: (imageId: number) =>
    api.POST("/api/v1/images/{image_id}/suggestions/cancel", {
      params: { path: { image_id: imageId } },
    }),
  /** Those that a project can use, the one that it uses unless another is named first. */
  detectors: async (projectId: number) => {
    const params = { path: { project_id: projectId } };
    const found = await body<{ detectors: Detector[] }>(
      api.GET("/api/v1/projects/{project_id}/detectors", { params }),
    );
    return found.detectors;
  },
  /** From which score on boxes of text detectors are suggested, of the categories that people have decided about. */
  textThresholds: async (projectId: number) => {
    const params = { path: { project_id: projectId } };
    const found = await body<{ thresholds: TextThreshold[] }>(
      api.GET("/api/v1/projects/{project_id}/text-thresholds", { params }),
    );
    return found.thresholds;
  },
});
