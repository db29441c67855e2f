/** What a session knows and shows: its document, and what the decoder answers to it. */

import { History } from "../core/history.ts";
import type { Plane } from "../core/logits.ts";
import { DRAFT_COLOUR } from "../core/palette.ts";
import type { Region } from "../core/region.ts";
import type { Rle } from "../core/rle.ts";
import type { Decoder } from "../decoder/decoder.ts";
import type { Manifest } from "../decoder/manifest.ts";
import { AnnotationViews } from "./annotations.svelte.ts";
import { type Answer, bestOf, candidatesOf, maskOf, planeOf } from "./answers.ts";
import { type Decodes, isQuestion } from "./decodes.svelte.ts";
import * as edit from "./document.ts";
import { HandWork } from "./hand-work.ts";
import type { MaskEditor } from "./mask-editor.svelte.ts";
import type { WorkClock } from "./pace.ts";
import { added, type Effort } from "./provenance.ts";
import type {
  Annotation,
  AnnotationView,
  Candidate,
  Operation,
  SessionCategory,
  SessionImage,
  ToolName,
} from "./types.ts";

/** The side of a session that is read; it lacks only what changes it. */
export abstract class SessionState {
  image = $state.raw<SessionImage | null>(null);
  categoryId = $state.raw<number | null>(null);
  tool = $state.raw<ToolName>("points");
  peeking = $state.raw(false);

  document = $state.raw(edit.openDocument([]));
  protected history = $state.raw(History.empty<edit.Document, Operation>());
  protected readonly views = new AnnotationViews(() => this.document.annotations);
  abstract readonly masks: MaskEditor;
  protected abstract readonly decodes: Decodes;
  private readonly answerMask = $derived.by(() => {
    const { answer } = this.decodes;
    return answer && maskOf(answer, this.shownIndex!, this.image!, this.model!);
  });
  readonly prompts = $derived(this.document.prompts);
  readonly reopenedUid = $derived(this.document.reopenedUid);
  readonly canUndo = $derived(this.history.toUndo !== null);
  readonly canRedo = $derived(this.history.toRedo !== null);
  readonly drawing = $derived(edit.hasDraft(this.document));

  /** Clicks before each object's first prompt, by the time of that. */
  private readonly clicksBefore = new Map<number, number>();
  /** A gesture under way: when it began, and the clicks before, where they are known. */
  private begun: readonly [at: number, clicks: number | null] | null = null;
  protected readonly handWork: HandWork;

  constructor(
    private readonly decoder: Decoder,
    protected readonly clock: WorkClock,
  ) {
    this.handWork = new HandWork(clock);
  }

  get annotations(): readonly AnnotationView[] {
    return this.views.list;
  }

  get categories(): readonly SessionCategory[] {
    return this.views.categories;
  }

  get selectedUid(): string | null {
    return this.views.selectedUid;
  }

  get candidates(): readonly Candidate[] {
    const answer = this.currentAnswer;
    return answer ? candidatesOf(answer) : [];
  }

  get shownIndex(): number | null {
    const { answer } = this.decodes;
    if (!answer) return null;
    const chosen = this.currentAnswer ? this.document.shown : null;
    return chosen ?? bestOf(answer);
  }

  get decoding(): boolean {
    return isQuestion(this.prompts) && !this.currentAnswer;
  }

  get canAccept(): boolean {
    return this.currentAnswer !== null || this.showsEdited;
  }

  /** Whether the object being drawn shows the mask that was made by hand. */
  get showsEdited(): boolean {
    return this.document.edited !== null && !this.decodes.answer;
  }

  get hasDraftMask(): boolean {
    return this.decodes.answer !== null || this.document.edited !== null || this.reopenedUid !== null;
  }

  get draftMask(): Rle | null {
    const reopened = edit.findAnnotation(this.document, this.reopenedUid);
    return this.answerMask ?? this.document.edited ?? reopened?.segmentation ?? null;
  }

  /** The logits to paint: of the object being drawn, else of what the pointer hovers over. */
  get shownPlane(): Plane | null {
    const { answer, hovered } = this.decodes;
    if (this.masks.isPainting) return null;
    if (answer) return planeOf(answer, this.shownIndex!);
    return hovered && !this.drawing ? planeOf(hovered, bestOf(hovered)) : null;
  }

  /** True while {@link shownPlane} belongs to the pointer only. */
  get hovering(): boolean {
    return !this.drawing;
  }

  /** "#rrggbb" of the object being drawn. */
  get draftColour(): string {
    const reopened = edit.findAnnotation(this.document, this.reopenedUid);
    return this.views.categoryColour(reopened ? reopened.category_id : this.categoryId) ?? DRAFT_COLOUR;
  }

  /** The region that {@link shownPlane} is of; null for the whole image. */
  get shownRegion(): Region | null {
    return (this.decodes.answer ?? this.decodes.hovered)?.region ?? null;
  }

  /** What the decoder sees; null for the whole image. */
  get region(): Region | null {
    return this.decodes.region;
  }

  get model(): Manifest | null {
    return this.decoder.manifest;
  }

  protected get decoderIsReady(): boolean {
    return this.decoder.info.state === "ready";
  }

  isHidden(uid: string): boolean {
    return this.views.isHidden(uid);
  }

  isLocked(uid: string): boolean {
    return this.views.isLocked(uid);
  }

  /** For the newest prompts; null until the decoder has answered them. */
  protected get currentAnswer(): Answer | null {
    const { answer } = this.decodes;
    return answer?.prompts === this.prompts ? answer : null;
  }

  /** Seconds of work on the object being drawn, since its first prompt. Not reactive: time passes. */
  secondsWorked(): number {
    const { startedAt } = this.document;
    return startedAt === null ? 0 : Math.max(0, this.clock.now() - startedAt) / 1000;
  }

  /** What the object being drawn has cost, with what was spent on it before when it was reopened. */
  protected get effort(): Effort {
    const { startedAt, reopenedUid } = this.document;
    const before = startedAt === null ? undefined : this.clicksBefore.get(startedAt);
    const clicks = before === undefined ? null : this.clock.clicks - before;
    const earlier = edit.findAnnotation(this.document, reopenedUid)?.provenance ?? null;
    return added(earlier, { seconds: this.secondsWorked(), clicks });
  }

  /** Of a saved annotation that is changed by hand now. */
  effortByHand(annotation: Annotation): Effort {
    return this.handWork.effortOn(annotation);
  }

  /** Of a saved annotation so far. Call for a step only that writes it into provenance: that says it from then on. */
  readonly effortSoFar = (annotation: Annotation): Effort => this.handWork.settled(annotation);

  /** A gesture begins (true), or none is under way any more: what it makes has taken the time since it began. */
  working(underWay: boolean): void {
    this.begun = underWay ? [this.clock.now(), this.clock.clicksBefore] : null;
  }

  /** A gesture goes on that began in another tab, whose clicks are not known. */
  protected resumeWork(at: number): void {
    this.begun = [at, null];
    this.handWork.begin(at);
  }

  /** When the gesture under way began; null when there is none. */
  protected get begunAt(): number | null {
    return this.begun?.[0] ?? null;
  }

  /** The moment for a step of the object being drawn; with its first one its work begins to count. */
  workedUntil(): number {
    return this.document.startedAt === null ? this.beginWork() : this.clock.now();
  }

  /** @returns when the work on an object began that is drawn from now on */
  protected beginWork(): number {
    const [at, clicks] = this.begun ?? [this.clock.now(), this.clock.clicksBefore];
    if (clicks !== null) this.clicksBefore.set(at, clicks);
    return at;
  }
}
