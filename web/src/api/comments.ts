/** Calls about comments on an image and its objects. Each rejects with ApiError or NetworkError. */
import { type Apis, body } from "./calls.ts";
import type { NewComment, Thread } from "./types.ts";

export const commentCalls = ({ api }: Apis) => ({
  comments: async (imageId: number) => {
    const params = { path: { image_id: imageId } };
    const answer = api.GET("/api/v1/images/{image_id}/comments", { params });
    return (await body<{ threads: Thread[] }>(answer)).threads;
  },
  /** The thread that it is in. */
  say: (imageId: number, comment: NewComment) =>
    body<Thread>(
      api.POST("/api/v1/images/{image_id}/comments", {
        params: { path: { image_id: imageId } },
        body: comment,
      }),
    ),
  resolveThread: (id: number, resolved: boolean) =>
    body<Thread>(
      api.PUT("/api/v1/comments/{comment_id}/resolved", {
        params: { path: { comment_id: id } },
        body: { resolved },
      }),
    ),
});
