/** Transactions over the durable queue. Each method is one IndexedDB transaction, complete on disk when it resolves. */
import type { Annotation, ImageAnnotations, MarkOperation, Operation } from "../api/types.ts";
import type {
  DraftRow,
  Problem,
  QueuedOperation,
  StoredOperation,
  SyncDatabase,
  WriterRevision,
} from "./database.ts";
import { groupBy, isReordering, merged, operationsAtOnce, operationsTowards, print } from "./operations.ts";
import { type Conflict, type Overview, overview } from "./overview.ts";
import { begin, heldOf, type Next, newestLike, nextOf, type Stores, stored } from "./rows.ts";

export interface Acknowledgement {
  revision: number;
  annotation: Annotation | null;
  /** Categories of which others had said that all are annotated, until this operation. */
  reopened?: readonly number[];
}

/** The object that a writer is drawing on an image, from now on; none with `row` null. */
export interface DraftChange {
  imageId: number;
  writer: string;
  row: DraftRow | null;
}

export class OperationStore {
  constructor(
    private readonly database: SyncDatabase,
    private readonly newId: () => string,
  ) {}

  /** Operations of one image in the order in which they were made. */
  async ofImage(imageId: number): Promise<StoredOperation[]> {
    return stored(await this.database.getAllFromIndex("operations", "by_image", imageId));
  }

  /**
   * The operation of one image that is to be sent now, and stays as it is from now on. Marks come last, and only once no edit
   * of the image is held: what is said of an image is said of all that was done to it. Of several marks only the last one is
   * sent, also where the server may have got an earlier one: the others are forgotten.
   */
  async take(imageId: number): Promise<Next | null> {
    // Not forced to the disk: what was sent matters while the tab lives that could still change it.
    const transaction = this.database.transaction(["operations", "revisions"], "readwrite");
    const operations = transaction.objectStore("operations");
    const next = await nextOf(operations, imageId);
    if (next) {
      const { writer, sequence } = next.row;
      for (const mark of next.superseded) await operations.delete(mark.sequence);
      const revisions = transaction.objectStore("revisions");
      const known = await revisions.get([imageId, writer]);
      if (known && !(known.sent >= sequence)) await revisions.put({ ...known, sent: sequence });
    }
    await transaction.done;
    return next;
  }

  /** Everything that the server does not have, in the order in which it was made. */
  async all(): Promise<StoredOperation[]> {
    return stored(await this.database.getAll("operations"));
  }

  overview(): Promise<Overview> {
    return overview(this.database);
  }

  async imagesWaiting(): Promise<number[]> {
    const { store } = this.database.transaction("operations");
    const found: number[] = [];
    let cursor = await store.index("by_image_and_state").openKeyCursor(null, "nextunique");
    for (; cursor; cursor = await cursor.continue()) {
      const [imageId, state] = cursor.key;
      if (state === "waiting") found.push(imageId);
    }
    return found;
  }

  revision(imageId: number, writer: string): Promise<WriterRevision | undefined> {
    return this.database.get("revisions", [imageId, writer]);
  }

  /** The newest revision of an image that any tab of this browser has been told of; 0 when none was. */
  async newestRevision(imageId: number): Promise<number> {
    const writers = await this.database.getAll("revisions", IDBKeyRange.bound([imageId], [imageId, []]));
    return Math.max(0, ...writers.map((each) => each.revision));
  }

  /**
   * Append the operations of one step, all or none, and keep what is being drawn after it. An operation on an annotation that
   * is already held joins what is held; one that was not sent yet takes in what follows on the same annotation.
   *
   * @returns the rows that have them now
   */
  async append(
    step: readonly QueuedOperation[],
    draft: DraftChange | null = null,
  ): Promise<readonly QueuedOperation[]> {
    const stores = begin(this.database);
    const writes: Promise<unknown>[] = [stores.done];
    const rows: QueuedOperation[] = [];
    for (const queued of step) {
      const appended = await this.appendTo(stores, queued);
      writes.push(...appended.writes);
      rows.push(appended.row);
    }
    if (draft?.row) writes.push(stores.drafts.put(draft.row));
    else if (draft) writes.push(stores.drafts.delete([draft.imageId, draft.writer]));
    stores.commit(); // without waiting for the answers: a tab that dies now has said all there is to keep
    await Promise.all(writes);
    return rows;
  }

  private async appendTo(
    { operations, revisions }: Stores,
    queued: QueuedOperation,
  ): Promise<{ row: QueuedOperation; writes: Promise<unknown>[] }> {
    const { imageId, writer, seen } = queued;
    const [held, earlier, waiting, known] = await Promise.all([
      heldOf(operations, imageId, queued.operation.uid),
      newestLike(operations, queued),
      operations.index("by_writer").count([imageId, writer, "waiting"]),
      revisions.get([imageId, writer]),
    ]);
    const unsent = earlier?.sequence !== undefined && known && earlier.sequence > known.sent;
    const both = unsent && !held ? merged(earlier, queued) : null;
    if (both) return { row: both, writes: [operations.put(both)] };
    const row = held ? { ...queued, state: held.state, theirs: held.theirs, problem: held.problem } : queued;
    const writes: Promise<unknown>[] = [operations.add(row)];
    if (!known) writes.push(revisions.put({ imageId, writer, revision: seen, floor: 0, sent: 0 }));
    else if (waiting === 0 && seen > known.revision) writes.push(revisions.put({ ...known, revision: seen }));
    return { row, writes };
  }

  /** Forget an operation that the server has stored. */
  async acknowledge(sent: StoredOperation, { revision, annotation }: Acknowledgement): Promise<void> {
    const { operations, revisions, done } = begin(this.database);
    await operations.delete(sent.sequence);
    const known = await revisions.get([sent.imageId, sent.writer]);
    const { imageId, writer, sequence } = sent;
    await revisions.put({ imageId, writer, floor: 0, sent: sequence, ...known, revision });
    // One by one: behind a fast brush the queue is long, and each row has masks in it.
    let next = await operations.index("by_annotation").openCursor([sent.imageId, sent.operation.uid]);
    while (next && next.value.writer !== sent.writer) next = await next.continue();
    // The server may write the same mask differently; what follows must be compared with what it wrote.
    if (next) await next.update({ ...next.value, before: print(annotation) });
    await done;
  }

  /**
   * Move a writer on to the server's current state: operations on annotations that nobody else touched keep waiting,
   * those on annotations that changed meanwhile are held, those whose effect is already there are dropped. An annotation is put
   * in its place whatever else became of it.
   */
  async rebase(imageId: number, writer: string, current: ImageAnnotations): Promise<void> {
    const { operations, revisions, done } = begin(this.database);
    const known = await revisions.get([imageId, writer]);
    const { revision } = current;
    await revisions.put({ imageId, writer, sent: 0, ...known, revision, floor: revision });
    const theirs = new Map(current.annotations.map((each) => [each.uid, each]));
    const waiting = stored(await operations.index("by_writer").getAll([imageId, writer, "waiting"]));
    for (const [uid, group] of groupBy(waiting, (each) => each.operation.uid)) {
      const now = theirs.get(uid) ?? null;
      const touched = print(now) !== group[0]!.before;
      const agreed = touched && print(now) === print(group.at(-1)!.after);
      const reordering = group.every(({ operation }) => isReordering(operation));
      for (const each of group) {
        if (reordering && now) await operations.put({ ...each, seen: current.revision, before: print(now) });
        else if (reordering || agreed) await operations.delete(each.sequence);
        else if (touched) await operations.put({ ...each, state: "conflict", theirs: now });
        else await operations.put({ ...each, seen: current.revision });
      }
    }
    await done;
  }

  /** Forget a mark or a statement that the server will never take. */
  async forget(refused: StoredOperation): Promise<void> {
    await this.database.delete("operations", refused.sequence);
  }

  /** Hold an operation that the server will never take, and what was done to the same annotation afterwards. */
  async refuse(refused: StoredOperation, problem: Problem): Promise<void> {
    const { operations, done } = begin(this.database);
    const key: [number, string] = [refused.imageId, refused.operation.uid];
    for (const each of stored(await operations.index("by_annotation").getAll(key))) {
      if (each.sequence >= refused.sequence) await operations.put({ ...each, state: "refused", problem });
    }
    await done;
  }

  /**
   * Settle what is held for one annotation. `mine` sends the writer's state as it is now, on top of the server's; `theirs`
   * gives the held operations up.
   */
  async resolve(conflict: Conflict, choice: "mine" | "theirs", writer: string): Promise<void> {
    const { operations, revisions, done } = begin(this.database);
    const ofAnnotation = await operations.index("by_annotation").getAll([conflict.imageId, conflict.uid]);
    const held = stored(ofAnnotation).filter((each) => each.state !== "waiting");
    const [first, last] = [held[0], held.at(-1)];
    for (const each of held) await operations.delete(each.sequence);
    if (first && last && choice === "mine" && conflict.kind === "refused") {
      const { imageId, writer: by, seen, before } = first;
      for (const operation of operationsAtOnce(held)) {
        await operations.add(
          this.queued({ imageId, writer: by, seen, operation, before, after: last.after }),
        );
      }
    }
    if (last && choice === "mine" && conflict.kind === "conflict") {
      const base = await revisions.get([conflict.imageId, last.writer]);
      const revision = base?.revision ?? last.seen;
      const own = await revisions.get([conflict.imageId, writer]);
      const { imageId } = conflict;
      if (!own) await revisions.put({ imageId, writer, revision, floor: revision, sent: 0 });
      await this.appendTowards(operations, conflict, writer, revision);
    }
    await done;
  }

  private async appendTowards(
    operations: Stores["operations"],
    conflict: Conflict,
    writer: string,
    seen: number,
  ): Promise<void> {
    const { imageId, uid, mine, theirs } = conflict;
    let before = print(theirs);
    for (const operation of operationsTowards(uid, mine, theirs)) {
      await operations.add(this.queued({ imageId, writer, seen, operation, before, after: mine }));
      before = print(mine);
    }
  }

  /** A new queue entry with an operation id of its own. */
  queued(
    entry: Pick<QueuedOperation, "imageId" | "writer" | "seen" | "before" | "after"> & {
      operation: Operation | MarkOperation;
    },
  ): QueuedOperation {
    const waiting = { state: "waiting", theirs: null, problem: null } as const;
    return { ...entry, ...waiting, operationId: this.newId(), created: Date.now() };
  }
}
