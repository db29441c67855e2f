/** How the queue of this browser stands: what is on its way, and what waits for a person. */
import type { Annotation, MarkOperation } from "../api/types.ts";
import type { Problem, QueuedOperation, SyncDatabase } from "./database.ts";
import { groupBy } from "./operations.ts";

export interface Conflict {
  imageId: number;
  uid: string;
  kind: "conflict" | "refused";
  /** The server has never had this annotation. */
  isNew: boolean;
  mine: QueuedOperation["after"];
  theirs: Annotation | null;
  problem: Problem | null;
  /** What was said last of the image: it is sent once no edit of the image is held any more. */
  mark: MarkOperation | null;
}

export interface Overview {
  /** Operations on their way to the server; without those that are held, and marks that wait for them. */
  waiting: number;
  conflicts: Conflict[];
}

export async function overview(database: SyncDatabase): Promise<Overview> {
  const { store } = database.transaction("operations");
  const byState = store.index("by_state");
  const [waiting, ...states] = await Promise.all([
    byState.count("waiting"),
    byState.getAll("conflict"),
    byState.getAll("refused"),
  ]);
  const held = states.flat();
  const images = [...new Set(held.map(({ imageId }) => imageId))];
  const byImage = store.index("by_image_and_state");
  const behind = await Promise.all(images.map((imageId) => byImage.getAll([imageId, "waiting"])));
  const marks = behind.flat().filter(({ operation }) => operation.kind === "mark");
  const groups = groupBy(held, (each) => `${each.imageId} ${each.operation.uid}`);
  const conflicts = [...groups.values()].map((group): Conflict => {
    const { imageId, theirs, problem, operation, after, state } = group.at(-1)!;
    const kind = state === "refused" ? "refused" : "conflict";
    const said = marks.findLast((each) => each.imageId === imageId)?.operation;
    const mark = said?.kind === "mark" ? said : null;
    const isNew = group[0]!.operation.kind === "create";
    return { imageId, uid: operation.uid, kind, isNew, mine: after, theirs, problem, mark };
  });
  return { waiting: waiting - marks.length, conflicts };
}
