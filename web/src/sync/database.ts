/** The browser's durable copy of what has not reached the server yet. */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { Annotation, AnnotationContent, MarkOperation, Operation } from "../api/types.ts";
import type { KeptDraft } from "../core/draft.ts";

export interface Problem {
  code: string;
  message: string;
  hint: string;
}

type State = "waiting" | "conflict" | "refused";

/** One operation that the server has not acknowledged. `writer` names the tab that made it. */
export interface QueuedOperation {
  /** Assigned by the database: the order in which operations were made. */
  sequence?: number;
  imageId: number;
  writer: string;
  operationId: string;
  operation: Operation | MarkOperation;
  /** The newest revision that the writer had been shown when it made this operation. */
  seen: number;
  /** Fingerprint of the annotation as the writer knew it before this operation; null when there was none, or for a mark. */
  before: string | null;
  /** What the annotation is after this operation; null when deleted. */
  after: AnnotationContent | null;
  /** A held operation waits for a person: the server has something newer (`conflict`) or said no (`refused`). */
  state: State;
  theirs: Annotation | null;
  problem: Problem | null;
  /** Milliseconds since the epoch. */
  created: number;
}

export type StoredOperation = QueuedOperation & { sequence: number };

/** Where one writer stands on one image. */
export interface WriterRevision {
  imageId: number;
  writer: string;
  /** The revision that the writer's next operation is based on: what `If-Match` names. */
  revision: number;
  /**
   * The revision of the last rebase, which took in edits of others. An operation made by someone who had not seen
   * them yet (`seen < floor`) may not use `revision`: it would overwrite them unnoticed.
   */
  floor: number;
  /** Sequence of the last operation that was sent, answered or not: up to it, operations stay as they are. */
  sent: number;
}

/** What one writer is drawing on one image. */
export interface DraftRow {
  imageId: number;
  writer: string;
  draft: KeptDraft;
  /** Milliseconds since the epoch. */
  kept: number;
  /** When the server was first found not to show the image any more (milliseconds since the epoch); null or absent: it does. */
  missingSince?: number | null;
}

interface SyncSchema extends DBSchema {
  operations: {
    key: number;
    value: QueuedOperation;
    // Within an index, rows of one key come in the order of their sequence.
    indexes: {
      by_image: number;
      by_annotation: [imageId: number, uid: string];
      by_state: State;
      by_image_and_state: [imageId: number, state: State];
      by_writer: [imageId: number, writer: string, state: State];
    };
  };
  revisions: { key: [imageId: number, writer: string]; value: WriterRevision };
  drafts: { key: [imageId: number, writer: string]; value: DraftRow };
}

export type SyncDatabase = IDBPDatabase<SyncSchema>;

/** @param onClosed the browser has closed it, or wants it closed: its data may be gone */
export function openSyncDatabase(name: string, onClosed?: () => void): Promise<SyncDatabase> {
  return openDB<SyncSchema>(name, 1, {
    ...(onClosed && { blocking: onClosed, terminated: onClosed }),
    upgrade(database) {
      const operations = database.createObjectStore("operations", {
        keyPath: "sequence",
        autoIncrement: true,
      });
      operations.createIndex("by_image", "imageId");
      operations.createIndex("by_annotation", ["imageId", "operation.uid"]);
      operations.createIndex("by_state", "state");
      operations.createIndex("by_image_and_state", ["imageId", "state"]);
      operations.createIndex("by_writer", ["imageId", "writer", "state"]);
      database.createObjectStore("revisions", { keyPath: ["imageId", "writer"] });
      database.createObjectStore("drafts", { keyPath: ["imageId", "writer"] });
    },
  });
}
