/** Sends one image's waiting operations in order, and decides what each answer means. */

import { ApiError, NetworkError } from "../api/errors.ts";
import type {
  ExhaustivityOperation,
  ImageAnnotations,
  MarkOperation,
  Operation,
  VerdictOperation,
} from "../api/types.ts";
import { m } from "../texts/messages.ts";
import type { Problem, StoredOperation } from "./database.ts";
import type { Acknowledgement, OperationStore } from "./store.ts";

/** The network edge. Rejects with ApiError for an answer that is not a success, NetworkError for no answer. */
export type SendOperation = (request: {
  imageId: number;
  operationId: string;
  operation: Operation | MarkOperation;
  revision: number;
}) => Promise<Acknowledgement>;

export type Drained =
  | { outcome: "empty" }
  | { outcome: "signed_out" }
  /** Nothing is wrong with the operation: try again, not before `retryAfter` seconds where the server says so. */
  | { outcome: "unreachable"; message: string; retryAfter: number | null };

export interface SenderEvents {
  acknowledged(sent: StoredOperation, answer: Acknowledgement): void;
  /** Later marks have made these useless; they are not waiting any more. */
  superseded(marks: readonly StoredOperation[]): void;
  /** The server will never take it, and it is not waiting any more. */
  markRefused(sent: StoredOperation, mark: MarkOperation, problem: Problem): void;
  /** The same of a verdict, what it was on may be suggested again, and of what was said of a category. */
  statementRefused(
    sent: StoredOperation,
    statement: VerdictOperation | ExhaustivityOperation,
    problem: Problem,
  ): void;
  rebased(imageId: number, writer: string, current: ImageAnnotations): void;
}

const overtaken = (): Problem => ({
  code: "stale_revision",
  message: m.errors_overtaken(),
  hint: m.errors_overtaken_hint(),
});

const TRY_AGAIN = new Set([408, 425, 429]);

export async function drain(
  store: OperationStore,
  send: SendOperation,
  imageId: number,
  events: SenderEvents,
): Promise<Drained> {
  for (;;) {
    const next = await store.take(imageId);
    if (!next) return { outcome: "empty" };
    const { row: head, superseded } = next;
    if (superseded.length > 0) events.superseded(superseded);
    const revision = await revisionFor(store, head);
    try {
      const { operationId, operation } = head;
      const answer = await send({ imageId, operationId, operation, revision });
      await store.acknowledge(head, answer);
      events.acknowledged(head, answer);
    } catch (error) {
      const current = newerState(error, revision);
      if (current) {
        const { operation } = head;
        if (isDecision(operation)) {
          await store.forget(head);
          events.markRefused(head, operation, overtaken());
        }
        await store.rebase(imageId, head.writer, current);
        events.rebased(imageId, head.writer, current);
        continue;
      }
      const stopped = interruption(error);
      if (stopped) return stopped;
      if (!(error instanceof ApiError)) throw error;
      const { code, message, hint } = error;
      const problem = { code, message, hint };
      if (head.operation.kind === "mark") {
        await store.forget(head);
        events.markRefused(head, head.operation, problem);
      } else if (head.operation.kind === "verdict" || head.operation.kind === "exhaustivity") {
        await store.forget(head);
        events.statementRefused(head, head.operation, problem);
      } else {
        await store.refuse(head, problem);
      }
    }
  }
}

/** What a reviewer decides holds for what they saw, and not for what others have made of it since. */
function isDecision(operation: Operation | MarkOperation): operation is MarkOperation {
  return operation.kind === "mark" && (operation.state === "approved" || operation.state === "returned");
}

async function revisionFor(store: OperationStore, head: StoredOperation): Promise<number> {
  const known = await store.revision(head.imageId, head.writer);
  return known && head.seen >= known.floor ? known.revision : head.seen;
}

/** The server's state that makes `revision` stale; null when the error says something else. */
function newerState(error: unknown, revision: number): ImageAnnotations | null {
  if (!(error instanceof ApiError) || error.status !== 412) return null;
  const current = error.details.current as ImageAnnotations | undefined;
  // Being told the revision that was sent would go round for ever; such an answer counts as a refusal.
  return current && current.revision !== revision ? current : null;
}

function interruption(error: unknown): Drained | null {
  if (error instanceof NetworkError) {
    return { outcome: "unreachable", message: error.message, retryAfter: null };
  }
  if (!(error instanceof ApiError)) return null;
  if (error.status === 401) return { outcome: "signed_out" };
  if (error.status >= 500 || TRY_AGAIN.has(error.status)) {
    return { outcome: "unreachable", message: error.message, retryAfter: error.retryAfter };
  }
  return null;
}
