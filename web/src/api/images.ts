/** Calls about images: which there are, what is done to many at once, one as a file. Each rejects with ApiError or NetworkError. */
import { type Apis, body, type Signal } from "./calls.ts";
import { EVERYTHING, type Listing, queryOf } from "./listing.ts";
import { ROOT } from "./root.ts";
import type { ImageDetails, ImagePage, ManyChanged, ManyQuestion } from "./types.ts";

/** What a filter that says nothing says. */
const OF_ALL = { state: "all", also: "any", search: "", folder: "", tag: "", exhaustive: "any" } as const;

export const imageCalls = ({ api }: Apis) => ({
  /** A page of what is listed. @param page where it begins and how long it is; `counted`: with how many there are in all */
  images: (
    projectId: number,
    listing: Listing,
    page: { after?: string; skip?: number; limit: number; counted?: boolean },
  ) =>
    body<ImagePage>(
      api.GET("/api/v1/projects/{project_id}/images", {
        params: { path: { project_id: projectId }, query: { ...queryOf(listing), ...page } },
      }),
    ),
  /** @param listing among which images its neighbours are */
  image: (id: number, { listing = EVERYTHING, ...init }: Signal & { listing?: Listing } = {}) =>
    body<ImageDetails>(
      api.GET("/api/v1/images/{image_id}", {
        params: { path: { image_id: id }, query: queryOf(listing) },
        ...init,
      }),
    ),
  /** How many of these images have no masks and are not submitted. */
  emptyImages: async (projectId: number, question: Omit<ManyQuestion, "change" | "after">) => {
    const { count } = await body<{ count: number }>(
      api.POST("/api/v1/projects/{project_id}/images/empty", {
        params: { path: { project_id: projectId } },
        body: { ...OF_ALL, ...question },
      }),
    );
    return count;
  },
  /** Do the same to many images. @returns how far it came: with `next`, ask again */
  changeImages: (projectId: number, question: ManyQuestion) =>
    body<ManyChanged>(
      api.POST("/api/v1/projects/{project_id}/images/change", {
        params: { path: { project_id: projectId } },
        body: { ...OF_ALL, after: 0, ...question },
      }),
    ),
  /** Make images gold, with what is on them now as the reference; or not any more. */
  setGold: (projectId: number, imageIds: readonly number[], gold: boolean) =>
    body<{ changed: number }>(
      api.PUT("/api/v1/projects/{project_id}/gold", {
        params: { path: { project_id: projectId } },
        body: { image_ids: [...imageIds], gold },
      }),
    ),
  deleteImage: (id: number) =>
    api.DELETE("/api/v1/images/{image_id}", { params: { path: { image_id: id } } }),
  /** The oriented image as the browser can show it. */
  async file(imageId: number, init: Signal = {}): Promise<Blob> {
    const path = "/api/v1/images/{image_id}/file";
    const params = { path: { image_id: imageId } };
    return await (await api.GET(path, { params, parseAs: "stream", ...init })).response.blob();
  },
});

/* Addresses that the browser itself loads. */
export const imageFile = (id: number) => `${ROOT}/api/v1/images/${id}/file`;
/** Of an image at this revision; `look`: another one when colours of categories have changed. As large as the thumbnail. */
export const imageMasks = (id: number, revision: number, look: string) =>
  `${ROOT}/api/v1/images/${id}/masks?revision=${revision}&look=${look}`;
export const imageThumbnail = (id: number) => `${ROOT}/api/v1/images/${id}/thumbnail`;
