/** Calls about the trash of a project. Each rejects with ApiError or NetworkError. */
import { apiOf } from "./calls.ts";
import type { Http } from "./http.ts";
import { ROOT } from "./root.ts";
import type { ManyDone, ManyResult, TrashPage } from "./types.ts";

/**
 * Ask until all were come to: the server changes many in turns.
 * @param outcome gets what became of them turn by turn, so that it is known also when a later turn fails
 */
export async function untilDone(
  ask: (after: number) => Promise<ManyResult>,
  outcome: ManyDone = { done: [], refused: [] },
): Promise<ManyDone> {
  for (let after: number | null = 0; after !== null; ) {
    const answer: ManyResult = await ask(after);
    outcome.done.push(...answer.done);
    outcome.refused.push(...answer.refused);
    after = answer.next;
  }
  return outcome;
}

export class TrashClient {
  private readonly api;

  constructor(http: Http) {
    this.api = apiOf(http.fetch);
  }

  /** The last that was deleted comes first. */
  list = async (projectId: number, skip: number, limit: number): Promise<TrashPage> => {
    const params = { path: { project_id: projectId }, query: { skip, limit } };
    const answer = await this.api.GET("/api/v1/projects/{project_id}/trash", { params });
    return answer.data as TrashPage;
  };
  /** @param imageIds null: all */
  restore = (projectId: number, imageIds: readonly number[] | null) =>
    this.change("restore", projectId, imageIds);
  /** @param imageIds null: all */
  deleteForGood = (projectId: number, imageIds: readonly number[] | null) =>
    this.change("delete", projectId, imageIds);

  private change(
    what: "restore" | "delete",
    projectId: number,
    imageIds: readonly number[] | null,
  ): Promise<ManyDone> {
    return untilDone(async (after) => {
      const answer = await this.api.POST(`/api/v1/projects/{project_id}/trash/${what}`, {
        params: { path: { project_id: projectId } },
        body: { image_ids: imageIds && [...imageIds], after },
      });
      return answer.data as ManyResult;
    });
  }
}

/** Of an image in the trash, small. */
export const trashedThumbnail = (projectId: number, imageId: number) =>
  `${ROOT}/api/v1/projects/${projectId}/trash/${imageId}/thumbnail`;
