/** Calls about the annotations of images: what is on one, what was done to it, operations. Each rejects with ApiError or NetworkError. */
import { type Apis, body, type Signal } from "./calls.ts";
import type {
  ImageAnnotations,
  ImageHistory,
  ImportQuery,
  ImportSummary,
  MarkOperation,
  Operation,
  OperationResult,
  UndoSteps,
} from "./types.ts";

export const annotationCalls = ({ api, apiOnce }: Apis) => ({
  annotations: (imageId: number, init: Signal = {}) =>
    body<ImageAnnotations>(
      api.GET("/api/v1/images/{image_id}/annotations", {
        params: { path: { image_id: imageId } },
        ...init,
      }),
    ),
  /** Send one operation. An expired login is an error here: the queue waits without holding its lock. */
  sendOperation: (request: {
    imageId: number;
    operationId: string;
    operation: Operation | MarkOperation;
    revision: number;
  }) =>
    body<OperationResult>(
      apiOnce.POST("/api/v1/images/{image_id}/operations", {
        params: { path: { image_id: request.imageId }, header: { "If-Match": `"${request.revision}"` } },
        body: { operation_id: request.operationId, operation: request.operation },
      }),
    ),
  /** @param of `uid`: one annotation, null for all of the image; `before`: `next` of the page before */
  history: (imageId: number, { uid, before }: { uid: string | null; before: number | null }) =>
    body<ImageHistory>(
      api.GET("/api/v1/images/{image_id}/history", {
        params: {
          path: { image_id: imageId },
          query: { ...(uid !== null && { uid }), ...(before !== null && { before }) },
        },
      }),
    ),
  /** What the person did to an image, in any browser, and can take back. */
  ownSteps: (imageId: number) =>
    body<UndoSteps>(api.GET("/api/v1/images/{image_id}/steps", { params: { path: { image_id: imageId } } })),
  /** Files go as they are: they can be larger than what should be parsed here. */
  async importAnnotations(
    projectId: number,
    files: readonly File[],
    query: ImportQuery,
  ): Promise<ImportSummary> {
    const form = new FormData();
    for (const file of files) form.append("file", file);
    return await body<ImportSummary>(
      api.POST("/api/v1/projects/{project_id}/import", {
        params: { path: { project_id: projectId }, query },
        body: { file: [] },
        bodySerializer: () => form,
      }),
    );
  },
});
