/** Gets what was made in this browser to the server: at once when it can, later when it cannot, never twice. */

import type { Annotation, ImageAnnotations, MarkOperation, Operation } from "../api/types.ts";
import { m } from "../texts/messages.ts";
import type { Problem, QueuedOperation } from "./database.ts";
import type { Drafts } from "./drafts.ts";
import { ImageSync } from "./image.ts";
import type { LastingDatabase } from "./lasting-database.ts";
import type { Locks } from "./locks.ts";
import type { Conflict } from "./overview.ts";
import { type Drained, drain, type SenderEvents, type SendOperation } from "./sender.ts";
import { type SyncState, SyncStatus } from "./status.ts";
import type { OperationStore } from "./store.ts";

/** What the tabs of one browser tell each other. */
type TabMessage =
  | { kind: "changed" }
  | { kind: "acknowledged"; imageId: number; uid: string; revision: number; annotation: Annotation | null }
  | { kind: "superseded"; operationIds: readonly string[] }
  | { kind: "mark_refused"; imageId: number; uid: string }
  | { kind: "moved"; imageId: number; current: ImageAnnotations };

/** One operation as the server takes it: the id has it applied once, whoever sends it, and however often. */
export interface UnsentChange {
  image_id: number;
  operation_id: string;
  created: string;
  operation: Operation | MarkOperation;
}

export interface SynchroniserOptions {
  /** What the store and the drafts are in. */
  storage: LastingDatabase;
  store: OperationStore;
  drafts: Drafts;
  send: SendOperation;
  locks: Pick<Locks, "exclusive">;
  /** Names this tab among the writers of an image. */
  writer: string;
  /** Channel to the other tabs; null where the browser has none. */
  channel: BroadcastChannel | null;
  /** The current state of an image's annotations from the server. */
  load: (imageId: number) => Promise<ImageAnnotations>;
  onSignedOut?: () => void;
  /** The server refused what was said of an image, and why; it is as it was. */
  onMarkRefused: (imageId: number, mark: MarkOperation, problem: Problem) => void;
  /** The server's state of an image was asked for in vain; nothing of ours is lost by that. */
  onError: (error: unknown) => void;
  onState?: (state: SyncState) => void;
  /** Milliseconds to the n-th retry (n from 0). */
  backoff?: (attempt: number) => number;
}

const LONGEST_WAIT = 30_000; // ms

/** Half a second, doubling to half a minute, with jitter so that many tabs do not come back at the same instant. */
function defaultBackoff(attempt: number): number {
  return Math.min(LONGEST_WAIT, 500 * 2 ** attempt) * (0.75 + Math.random() / 2);
}

export class Synchroniser {
  private readonly open = new Map<number, ImageSync>();
  private readonly draining = new Map<number, Promise<void>>();
  private readonly again = new Set<number>();
  /** Newest revision heard of while an image was not open, or its operations were on their way. */
  private readonly heard = new Map<number, number>();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private attempt = 0;
  /** What this tab made and the server does not have, in order: for the case that the browser loses it. */
  private readonly made = new Map<string, QueuedOperation>();
  private readonly status: SyncStatus;

  constructor(private readonly options: SynchroniserOptions) {
    const { storage, store, onState } = options;
    this.status = new SyncStatus(() => store.overview(), onState);
    options.channel?.addEventListener("message", ({ data }: MessageEvent<TabMessage>) =>
      this.run(this.hear(data)),
    );
    storage.onLost = () => {
      this.status.lost = true;
      this.status.showUnkept(this.made.size);
    };
    storage.onStuck = (reason) => {
      options.onError(new Error(m.errors_storage_stuck({ reason: String(reason) })));
    };
    storage.onBack = () => this.keepAgain();
  }

  /** Begin to work on an image whose annotations the server gave as `current`, or go on with what was drawn on it. */
  async openImage(current: ImageAnnotations): Promise<ImageSync> {
    const { store, drafts, writer, load } = this.options;
    const imageId = current.image_id;
    const draft = await drafts.claim(imageId);
    const pending = await store.ofImage(imageId);
    // An operation that was acknowledged after `current` was asked for is neither in it nor in the queue: ask again.
    const known = await store.newestRevision(imageId);
    const fresh = known > current.revision ? await load(imageId) : current;
    const image = new ImageSync(fresh, pending, writer, draft, async (entries, drawn) => {
      const change = drawn && { imageId, writer, row: drawn.draft && drafts.row(imageId, drawn.draft) };
      const step = entries.map((entry) => store.queued(entry));
      for (const each of step) this.made.set(each.operationId, each);
      try {
        const rows = await this.status.whileRecording(step.length, () => store.append(step, change));
        for (const each of step) this.made.delete(each.operationId);
        for (const row of rows) this.made.set(row.operationId, row);
      } catch (error) {
        if (this.status.lost) return this.status.showUnkept(this.made.size);
        for (const each of step) this.made.delete(each.operationId);
        void this.run(this.status.publish()); // nothing is on its way any more
        throw error;
      }
      if (step.length === 0) return;
      this.tell({ kind: "changed" });
      this.drainImage(imageId);
      await this.status.publish().catch(this.options.onError);
    });
    this.open.set(imageId, image);
    // What was answered since it was read has told nobody.
    if (pending.length > 0) void this.run(store.ofImage(imageId).then((left) => image.stillWaiting(left)));
    const heard = this.heard.get(imageId); // while `current` was on its way, too
    this.heard.delete(imageId);
    if (heard !== undefined) void this.run(this.notice(imageId, heard));
    return image;
  }

  closeImage(image: ImageSync): void {
    if (this.open.get(image.imageId) === image) this.open.delete(image.imageId);
  }

  /**
   * Try everything that waits, now: what earlier tabs left behind at the start, and again after signing in, coming
   * online, or by a person's wish.
   */
  async flush(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.status.trouble = null;
    for (const imageId of await this.options.store.imagesWaiting()) this.drainImage(imageId);
    await this.status.publish();
  }

  /** Everything that this browser keeps and the server does not have, in the order in which it was made. */
  async unsent(): Promise<UnsentChange[]> {
    const kept = await this.options.store.all();
    return kept.map(({ imageId, operationId, operation, created }) => ({
      image_id: imageId,
      operation_id: operationId,
      created: new Date(created).toISOString(),
      operation,
    }));
  }

  /** Resolves when nothing is being sent: everything is stored, held, or waits for the network. */
  async settled(): Promise<void> {
    while (this.draining.size > 0) await Promise.all(this.draining.values());
  }

  async resolve(conflict: Conflict, choice: "mine" | "theirs"): Promise<void> {
    for (const [id, { imageId, operation }] of this.made) {
      if (imageId === conflict.imageId && operation.uid === conflict.uid) this.made.delete(id);
    }
    await this.options.store.resolve(conflict, choice, this.options.writer);
    this.tell({ kind: "changed" });
    this.drainImage(conflict.imageId);
    if (choice === "theirs") await this.refresh(conflict.imageId);
    await this.status.publish();
  }

  /** Take in what others did to an image that is open, or about to be, when `revision` is newer than theirs. */
  async notice(imageId: number, revision: number): Promise<void> {
    const image = this.open.get(imageId);
    if (image && revision <= image.revision) return;
    // It may be our own operation, whose answer is still to come: look again when all are answered.
    if (!image || this.draining.has(imageId)) this.hold(imageId, revision);
    else await this.refresh(imageId);
  }

  private hold(imageId: number, revision: number): void {
    this.heard.set(imageId, Math.max(revision, this.heard.get(imageId) ?? 0));
  }

  private async refresh(imageId: number): Promise<void> {
    const image = this.open.get(imageId);
    if (!image) return;
    try {
      let known: number;
      do {
        known = image.revision;
        // If something of ours was acknowledged meanwhile, the answer lacks that, and nobody tells of the rest again.
      } while (!(await this.takeIn(imageId, await this.options.load(imageId))) && image.revision > known);
    } catch (error) {
      this.options.onError(error);
    }
  }

  private async moved(imageId: number, current: ImageAnnotations): Promise<void> {
    if (!(await this.takeIn(imageId, current))) await this.refresh(imageId);
  }

  /** @returns false if more is known here than in this state */
  private async takeIn(imageId: number, current: ImageAnnotations): Promise<boolean> {
    const image = this.open.get(imageId);
    if (!image) return true;
    return image.merge(current, await image.withQueue(() => this.options.store.ofImage(imageId)));
  }

  private drainImage(imageId: number): void {
    if (this.draining.has(imageId)) {
      this.again.add(imageId);
      return;
    }
    const run = this.drainUntilQuiet(imageId)
      .catch((error: unknown) =>
        this.conclude({ outcome: "unreachable", message: String(error), retryAfter: null }),
      )
      .then(() => this.run(this.drained(imageId)));
    this.draining.set(imageId, run);
  }

  private async drained(imageId: number): Promise<void> {
    this.draining.delete(imageId);
    const revision = this.heard.get(imageId);
    this.heard.delete(imageId);
    await this.status.publish();
    if (revision !== undefined) await this.notice(imageId, revision);
  }

  private async drainUntilQuiet(imageId: number): Promise<void> {
    const { store, send, locks } = this.options;
    do {
      this.again.delete(imageId);
      const result = await locks.exclusive(`sync ${imageId}`, () => drain(store, send, imageId, this.events));
      this.conclude(result);
      if (result.outcome !== "empty") return;
    } while (this.again.has(imageId));
  }

  private conclude(result: Drained): void {
    if (result.outcome === "empty") {
      this.attempt = 0;
      this.status.trouble = null;
      return;
    }
    this.status.trouble = result;
    if (result.outcome === "signed_out") {
      this.options.onSignedOut?.();
    } else if (this.timer === null) {
      const delay = (this.options.backoff ?? defaultBackoff)(this.attempt++);
      const wait = Math.max(delay, (result.retryAfter ?? 0) * 1000);
      this.timer = setTimeout(() => this.run(this.flush()), wait);
    }
  }

  private readonly events: SenderEvents = {
    acknowledged: (sent, answer) => {
      const { imageId, operation } = sent;
      const { revision, annotation } = answer;
      this.made.delete(sent.operationId);
      const message: TabMessage = { kind: "acknowledged", imageId, uid: operation.uid, revision, annotation };
      this.open.get(imageId)?.acknowledged(sent, answer);
      this.tell(message);
      if (answer.reopened?.length) this.askAgain(imageId);
      void this.run(this.status.publish());
    },
    superseded: (marks) => {
      const operationIds = marks.map(({ operationId }) => operationId);
      this.forget(operationIds);
      this.tell({ kind: "superseded", operationIds });
    },
    markRefused: ({ imageId, operationId }, mark, problem) => {
      this.made.delete(operationId);
      this.tell({ kind: "mark_refused", imageId, uid: mark.uid });
      this.takeMarkBack(imageId, mark.uid);
      this.options.onMarkRefused(imageId, mark, problem);
    },
    statementRefused: ({ imageId, operationId }, { kind }, { message, hint }) => {
      this.made.delete(operationId);
      const reason = `${message} ${hint}`.trim();
      this.options.onError(
        new Error(
          kind === "verdict" ? m.errors_refusing_failed({ reason }) : m.errors_statement_failed({ reason }),
        ),
      );
      if (kind === "exhaustivity") this.askAgain(imageId);
    },
    rebased: (imageId, _writer, current) => {
      this.tell({ kind: "moved", imageId, current });
      void this.run(this.moved(imageId, current));
    },
  };

  /** What the server knows of the image is asked for: a mark of before may have been hidden by the one that was refused. */
  private takeMarkBack(imageId: number, uid: string): void {
    const image = this.open.get(imageId);
    image?.markRefused(uid);
    this.askAgain(imageId);
  }

  /** Something else of the image has changed on the server than what was sent. */
  private askAgain(imageId: number): void {
    if (this.open.has(imageId)) void this.run(this.notice(imageId, Number.MAX_SAFE_INTEGER));
  }

  private async hear(message: TabMessage): Promise<void> {
    if (message.kind === "superseded") this.forget(message.operationIds);
    if (message.kind === "mark_refused") this.takeMarkBack(message.imageId, message.uid);
    if (message.kind === "moved") await this.moved(message.imageId, message.current);
    if (message.kind === "acknowledged") await this.notice(message.imageId, message.revision);
    await this.status.publish();
  }

  private forget(operationIds: readonly string[]): void {
    for (const id of operationIds) this.made.delete(id);
  }

  private tell(message: TabMessage): void {
    this.options.channel?.postMessage(message);
  }

  /** The database is there again: what it lacks of what this tab made is put into it, and sent. */
  private async keepAgain(): Promise<void> {
    const { storage, store } = this.options;
    const missing = await storage.missing([...this.made.values()]);
    const rows = await store.append(missing);
    for (const { operationId } of missing) this.made.delete(operationId);
    for (const row of rows) this.made.set(row.operationId, row);
    this.status.lost = false;
    void this.run(this.flush());
  }

  /** Failing says nothing new while the browser keeps nothing: the person knows, and it is tried again once it does. */
  private async run(work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!this.status.lost) this.options.onError(error);
    }
  }
}
