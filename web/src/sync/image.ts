/** One open image: what this tab believes its annotations to be, and the operations that it adds. */
import type {
  AnnotationContent,
  Exhaustivity,
  ExhaustivityOperation,
  ImageAnnotations,
  ImageMark,
  MarkOperation,
  Operation,
} from "../api/types.ts";
import type { KeptDraft } from "../core/draft.ts";
import type { QueuedOperation, StoredOperation } from "./database.ts";
import { applyOperation, type Belief, contentOf, print, visible } from "./operations.ts";
import type { Acknowledgement } from "./store.ts";

/** An annotation as the page shows it; `id` is null until the server has stored it. */
export interface KnownAnnotation extends AnnotationContent {
  uid: string;
  id: number | null;
}

type NewEntry = Pick<QueuedOperation, "imageId" | "writer" | "seen" | "before" | "after"> & {
  operation: Operation | MarkOperation;
};

const TOP = Number.POSITIVE_INFINITY;

/** With the operations goes what is drawn now; null when that is, and was, nothing. */
type AppendStep = (entries: readonly NewEntry[], drawn: { draft: KeptDraft | null } | null) => Promise<void>;

export class ImageSync {
  private readonly beliefs = new Map<string, Belief>();
  private readonly ids = new Map<string, number>();
  /** Of suggestions, by uid: whether this browser has refused them, as far as it has said something. */
  private readonly verdicts = new Map<string, boolean>();
  /** By category: whether all of it are annotated, with what this browser has said. */
  private said: ReadonlyMap<number, boolean> = new Map();
  private pending: readonly StoredOperation[];
  private seen: number;
  private latest: number;
  private recorded = 0;
  private mark: MarkOperation | null = null;
  /** Ids of what waited when the page was given the annotations. */
  private unsent = new Set<string>();
  private sent!: Promise<void>;
  private settle!: () => void;
  private readonly appending = new Set<Promise<void>>();
  private hasDraft: boolean;

  /**
   * `append` makes a step durable; `pending` are the operations of this image that the server does not have yet; `draft` is
   * what this tab goes on drawing.
   */
  constructor(
    current: ImageAnnotations,
    pending: readonly StoredOperation[],
    private readonly writer: string,
    readonly draft: KeptDraft | null,
    private readonly append: AppendStep,
  ) {
    this.hasDraft = draft !== null;
    this.imageId = current.image_id;
    this.pending = pending;
    this.seen = current.revision;
    this.latest = current.revision;
    this.take(current);
    this.begin();
  }

  readonly imageId: number;

  /** Called when the server's state brought something that this tab did not make. */
  onRemote: ((annotations: KnownAnnotation[]) => void) | null = null;

  /** Resolves once the server has all that waited when the page was given the annotations: at opening, and by `onRemote`. */
  get settled(): Promise<void> {
    return this.sent;
  }

  /** Called with the mark as the server knows it, unless this browser has said something else since. */
  onMark: ((mark: ImageMark) => void) | null = null;

  /** Called with what the server knows of who said of which category that all of it are annotated. */
  onExhaustivity: ((said: readonly Exhaustivity[]) => void) | null = null;

  /** By category: whether all of it are annotated, whether or not the server knows yet. */
  get exhaustive(): ReadonlyMap<number, boolean> {
    return this.said;
  }

  /** The newest revision that this tab has heard of. */
  get revision(): number {
    return this.latest;
  }

  /**
   * Everything that should be on the screen, from the bottom to the top: the server's annotations with the waiting operations
   * applied.
   */
  annotations(): KnownAnnotation[] {
    const present = [...this.beliefs].flatMap(([uid, belief]) => {
      const content = visible(belief);
      return content ? [{ ...content, uid, id: this.ids.get(uid) ?? null }] : [];
    });
    return present.sort(
      (a, b) => compare(a.position ?? TOP, b.position ?? TOP) || compare(a.id ?? TOP, b.id ?? TOP),
    );
  }

  /** An annotation that was deleted before the image was opened, so that it can be restored. */
  know({ uid, ...source }: AnnotationContent & { uid: string }): void {
    if (!this.beliefs.has(uid)) this.beliefs.set(uid, { content: contentOf(source), deleted: true });
  }

  /**
   * Make one step durable in this browser, as a whole: its operations, and what is being drawn after it. Resolves when it is
   * on disk, not when the server has it. When the browser refuses to keep it, its operations are taken back here too.
   */
  async record(operations: readonly Operation[], draft: KeptDraft | null = null): Promise<void> {
    const before = operations.map(({ uid }) => [uid, this.beliefs.get(uid), this.verdicts.get(uid)] as const);
    const { said } = this;
    try {
      await this.keep(
        operations.map((operation) => this.entryOf(operation)),
        draft,
      );
    } catch (error) {
      for (const [uid, belief, verdict] of before) this.restore(uid, belief, verdict);
      this.said = said;
      throw error;
    }
  }

  /** An annotation that was deleted before this page knew it, so that it can be restored here. */
  remember(uid: string, content: AnnotationContent): void {
    if (!this.beliefs.has(uid)) this.beliefs.set(uid, { content, deleted: true });
  }

  /**
   * The same for how far the work on the image is; what is being drawn stays as it is. It never conflicts: of two people's
   * marks the later one counts, but for what a reviewer decides, which is refused when others were faster.
   */
  async recordMark(operation: MarkOperation): Promise<void> {
    const { imageId, writer, seen, mark: known } = this;
    this.mark = operation;
    try {
      await this.write([{ imageId, writer, seen, operation, before: null, after: null }], null);
    } catch (error) {
      this.mark = known;
      throw error;
    }
  }

  /** uids of the suggestions that this browser has refused, whether or not the server knows yet. */
  get refused(): string[] {
    return [...this.verdicts].flatMap(([uid, refused]) => (refused ? [uid] : []));
  }

  /** What this browser has said about the image and the server does not know yet. */
  get waitingMark(): MarkOperation | null {
    return this.mark;
  }

  /** The server has refused a mark of this image. */
  markRefused(uid: string): void {
    if (this.mark?.uid === uid) this.mark = null;
  }

  private async keep(entries: readonly NewEntry[], draft: KeptDraft | null): Promise<void> {
    const drawn = draft || this.hasDraft ? { draft } : null;
    if (entries.length === 0 && !drawn) return;
    this.hasDraft = draft !== null;
    await this.write(entries, drawn);
  }

  private async write(...step: Parameters<AppendStep>): Promise<void> {
    this.recorded++;
    const appended = this.append(...step);
    this.appending.add(appended);
    try {
      await appended;
    } finally {
      this.appending.delete(appended);
    }
  }

  /** The belief moves on with it. */
  private entryOf(operation: Operation): NewEntry {
    const { imageId, writer, seen } = this;
    if (operation.kind === "verdict") {
      this.verdicts.set(operation.uid, operation.refused);
      return { imageId, writer, seen, operation, before: null, after: null };
    }
    if (operation.kind === "exhaustivity") {
      this.say(operation);
      return { imageId, writer, seen, operation, before: null, after: null };
    }
    const known = this.beliefs.get(operation.uid);
    const next = applyOperation(known, operation);
    this.beliefs.set(operation.uid, next);
    return { imageId, writer, seen, operation, before: print(visible(known)), after: visible(next) };
  }

  private say({ category_id, exhaustive }: ExhaustivityOperation): void {
    const said = new Map(this.said);
    if (exhaustive === null) said.delete(category_id);
    else said.set(category_id, exhaustive);
    this.said = said;
  }

  private restore(uid: string, belief: Belief | undefined, verdict: boolean | undefined): void {
    if (verdict === undefined) this.verdicts.delete(uid);
    else this.verdicts.set(uid, verdict);
    if (belief) this.beliefs.set(uid, belief);
    else this.beliefs.delete(uid);
  }

  /** What `read` finds in the queue, with everything in it that was recorded until it is returned. */
  async withQueue<T>(read: () => Promise<T>): Promise<T> {
    for (;;) {
      while (this.appending.size > 0) await Promise.allSettled(this.appending);
      const before = this.recorded;
      const found = await read();
      if (this.recorded === before) return found;
    }
  }

  /** The server has stored an operation of this image. */
  acknowledged(
    { operationId, operation: { uid }, after }: StoredOperation,
    { revision, annotation }: Acknowledgement,
  ): void {
    this.answered([operationId]);
    this.latest = Math.max(this.latest, revision);
    if (this.mark?.uid === uid) this.mark = null;
    if (!annotation) return;
    this.ids.set(uid, annotation.id);
    // The server may write the same mask differently; what comes next is compared with what it wrote.
    const known = visible(this.beliefs.get(uid));
    if (print(known) !== print(after)) return;
    const content = contentOf(annotation);
    const place = known?.position;
    if (place !== undefined && place !== after?.position) content.position = place; // put there since
    this.beliefs.set(uid, { content, deleted: false });
  }

  /**
   * Take in a newer state of the server; `pending` as for the constructor.
   *
   * @returns false if it is older: a state from before our own last acknowledged operation lacks that
   */
  merge(current: ImageAnnotations, pending: readonly StoredOperation[]): boolean {
    if (current.revision < this.latest) return false;
    const before = this.fingerprint();
    this.pending = pending;
    this.seen = current.revision;
    this.latest = Math.max(this.latest, current.revision);
    this.take(current);
    if (this.fingerprint() !== before) {
      this.begin();
      this.onRemote?.(this.annotations());
    } else this.stillWaiting(pending);
    if (!this.mark) this.onMark?.(current.mark);
    this.onExhaustivity?.(current.exhaustivity);
    return true;
  }

  /** These operations of the image are all that wait. */
  stillWaiting(pending: readonly StoredOperation[]): void {
    const waiting = new Set(pending.map(({ operationId }) => operationId));
    this.answered([...this.unsent].filter((id) => !waiting.has(id)));
  }

  private begin(): void {
    const edits = this.pending.filter(({ operation }) => operation.kind !== "mark");
    this.unsent = new Set(edits.map(({ operationId }) => operationId));
    this.sent = new Promise((resolve) => {
      this.settle = resolve;
    });
    this.answered([]);
  }

  private answered(operationIds: readonly string[]): void {
    for (const id of operationIds) this.unsent.delete(id);
    if (this.unsent.size === 0) this.settle();
  }

  private take(current: ImageAnnotations): void {
    const present = new Set(current.annotations.map((each) => each.uid));
    for (const [uid, belief] of this.beliefs) {
      if (!present.has(uid)) this.beliefs.set(uid, { ...belief, deleted: true });
    }
    for (const annotation of current.annotations) {
      this.beliefs.set(annotation.uid, { content: contentOf(annotation), deleted: false });
      this.ids.set(annotation.uid, annotation.id);
    }
    this.said = new Map(
      current.exhaustivity.flatMap(({ category_id, exhaustive }) =>
        exhaustive === null ? [] : [[category_id, exhaustive] as const],
      ),
    );
    this.mark = null;
    for (const { operation, after, state } of this.pending) {
      if (operation.kind === "mark") {
        if (state === "waiting") this.mark = operation;
        continue;
      }
      if (operation.kind === "verdict") {
        this.verdicts.set(operation.uid, operation.refused);
        continue;
      }
      if (operation.kind === "exhaustivity") {
        this.say(operation);
        continue;
      }
      const known = this.beliefs.get(operation.uid);
      // What was made before a reload can name an annotation that somebody has deleted since: show the maker's state.
      const base = known ?? (after ? { content: after, deleted: false } : undefined);
      if (base) this.beliefs.set(operation.uid, applyOperation(base, operation));
    }
  }

  private fingerprint(): string {
    const annotations = this.annotations().map((each) => `${each.uid} ${each.position} ${print(each)}`);
    const said = [...this.said].sort(([a], [b]) => compare(a, b));
    return [...annotations, JSON.stringify(said)].join("\n");
  }
}

const compare = (a: number, b: number) => (a === b ? 0 : a < b ? -1 : 1);
