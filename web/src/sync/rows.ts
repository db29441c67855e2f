/** Rows of the durable queue, found within a transaction. */
import type { QueuedOperation, StoredOperation, SyncDatabase } from "./database.ts";

const NAMES = ["operations", "revisions", "drafts"] as const;

/** A transaction that is on disk, not only in the browser's memory, when it is done. */
export function begin(database: SyncDatabase) {
  const transaction = database.transaction(NAMES, "readwrite", { durability: "strict" });
  return {
    operations: transaction.objectStore("operations"),
    revisions: transaction.objectStore("revisions"),
    drafts: transaction.objectStore("drafts"),
    done: transaction.done,
    commit: () => transaction.commit(),
  };
}

export type Stores = ReturnType<typeof begin>;

/** Rows as read back: the database has given each its sequence. */
export function stored(rows: QueuedOperation[]): StoredOperation[] {
  return rows.filter((row): row is StoredOperation => row.sequence !== undefined);
}

/** What is to be sent next, see `OperationStore.take`. */
export async function nextOf(
  operations: Pick<Stores["operations"], "index">,
  imageId: number,
): Promise<StoredOperation | undefined> {
  const byState = operations.index("by_image_and_state");
  const first = await byState.get([imageId, "waiting"]);
  if (first?.operation.kind !== "mark") return first && stored([first])[0];
  const all = stored(await operations.index("by_image").getAll(imageId));
  const edit = all.find(({ operation, state }) => operation.kind !== "mark" && state === "waiting");
  const isHeld = all.some(({ state }) => state !== "waiting");
  return edit ?? (isHeld ? undefined : stored([first])[0]);
}

/** What waits for a person on an annotation. Found among what is held on its image, not by reading a queue of many strokes. */
export async function heldOf(
  operations: Stores["operations"],
  imageId: number,
  uid: string,
): Promise<QueuedOperation | undefined> {
  const index = operations.index("by_image_and_state");
  const held = await Promise.all([index.getAll([imageId, "conflict"]), index.getAll([imageId, "refused"])]);
  return held.flat().find(({ operation }) => operation.uid === uid);
}

/** The newest row on the same annotation, or with what the same writer has said of the image. */
export async function newestLike(
  operations: Stores["operations"],
  { imageId, writer, operation }: QueuedOperation,
): Promise<QueuedOperation | undefined> {
  if (operation.kind !== "mark") {
    const rows = operations.index("by_annotation");
    return (await rows.openCursor([imageId, operation.uid], "prev"))?.value;
  }
  const waiting = await operations.index("by_writer").getAll([imageId, writer, "waiting"]);
  return waiting.findLast((each) => each.operation.kind === "mark");
}
