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

/** What is to be sent next, and what nobody needs to hear any more. */
export interface Next {
  readonly row: StoredOperation;
  /** Earlier marks of the image, of any tab: the last one counts. */
  readonly superseded: readonly StoredOperation[];
}

/** See `OperationStore.take`. */
export async function nextOf(
  operations: Pick<Stores["operations"], "index">,
  imageId: number,
): Promise<Next | null> {
  const [first] = stored(await operations.index("by_image_and_state").getAll([imageId, "waiting"], 1));
  if (!first) return null;
  if (first.operation.kind !== "mark") return { row: first, superseded: [] };
  const all = stored(await operations.index("by_image").getAll(imageId));
  const waiting = all.filter(({ state }) => state === "waiting");
  const edit = waiting.find(({ operation }) => operation.kind !== "mark");
  if (edit) return { row: edit, superseded: [] };
  const isHeld = waiting.length < all.length;
  return isHeld ? null : { row: waiting.at(-1)!, superseded: waiting.slice(0, -1) };
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

/** The newest row on the same annotation. */
export async function newestLike(
  operations: Stores["operations"],
  { imageId, operation }: QueuedOperation,
): Promise<QueuedOperation | undefined> {
  return (await operations.index("by_annotation").openCursor([imageId, operation.uid], "prev"))?.value;
}
