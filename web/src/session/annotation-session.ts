/** A session as pages and tools see it. */

import type { KeptDraft } from "../core/draft.ts";
import type { Prompts } from "../core/prompts.ts";
import type { Region } from "../core/region.ts";
import type { Decoder } from "../decoder/decoder.ts";
import type { MaskEditor } from "./mask-editor.svelte.ts";
import type { Obstacle } from "./obstacles.ts";
import type { WorkClock } from "./pace.ts";
import type { Reshaper } from "./reshaper.ts";
import type {
  Annotation,
  AnnotationView,
  Candidate,
  Notice,
  Operation,
  SessionCategory,
  SessionImage,
  ToolName,
} from "./types.ts";

export interface SessionOptions {
  readonly decoder: Decoder;
  /**
   * Called at once, in order, for every step to be made durable as a whole: its operations, and the object being drawn as it
   * is afterwards.
   */
  readonly record: (imageId: number, operations: readonly Operation[], draft: KeptDraft | null) => void;
  readonly notify?: (notice: Notice) => void;
  /** The decoder sees a region, and something outside of it is asked for. */
  readonly onOutside?: () => void;
  /** Growing, shrinking and smoothing; by default in a worker where that takes long. */
  readonly reshape?: Reshaper;
  /** Measures the work; by default one that hears nothing. */
  readonly clock?: WorkClock;
}

/**
 * One image being annotated: its annotations, the prompts and candidates of the object being drawn, and one undo history
 * over all of it. Fields are reactive (Svelte runes). `createSession(options)` in session.svelte.ts makes one.
 */
export interface AnnotationSession {
  readonly image: SessionImage | null;
  readonly annotations: readonly AnnotationView[];
  readonly selectedUid: string | null;
  /** uid of the saved annotation whose mask is being changed, if any. */
  readonly reopenedUid: string | null;
  readonly prompts: Prompts;
  /** Whether an object is being drawn: prompts were given, or an annotation was reopened. */
  readonly drawing: boolean;
  /** Empty until the decoder has answered the current prompts. */
  readonly candidates: readonly Candidate[];
  /** Index into the decoder's masks of the one that is shown, null when there is none. */
  readonly shownIndex: number | null;
  /** True while the shown candidate is older than the prompts. */
  readonly decoding: boolean;
  readonly categories: readonly SessionCategory[];
  /** What the next accepted mask gets. */
  readonly categoryId: number | null;
  readonly tool: ToolName;
  /** Brush, polygon and clean-up: everything that changes pixels by hand. */
  readonly masks: MaskEditor;
  /** True while T is held: the image without masks. */
  readonly peeking: boolean;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  /** True when there is a mask that Enter would accept. */
  readonly canAccept: boolean;

  /**
   * Show an image, and go on with what was being drawn on it; the history starts anew. The embedding may come before or
   * after, see {@link embeddingReady}.
   */
  open(image: SessionImage, annotations: readonly Annotation[], draft?: KeptDraft | null): void;
  close(): void;
  /** Call after `decoder.openImage` resolved for this image: prompts given meanwhile are decoded now. */
  embeddingReady(): void;
  /** From now on the decoder sees this region only, or (null) the whole image. Call before `decoder.openImage`. */
  lookAt(region: Region | null): void;
  /** The server's state replaces ours (another writer won, or an event came in); prompts stay, the history starts anew. */
  replaceAnnotations(annotations: readonly Annotation[]): void;
  setCategories(categories: readonly SessionCategory[]): void;

  select(uid: string | null): void;
  setHidden(uid: string, hidden: boolean): void;
  setLocked(uid: string, locked: boolean): void;
  /** Sets the category of the selected annotation, else of the next accepted mask. */
  chooseCategory(id: number | null): void;
  setTool(tool: ToolName): void;
  /** Show candidate `index` (0–3). */
  show(index: number): void;
  /** Tab (+1) and Shift+Tab (−1). */
  cycle(step: 1 | -1): void;
  accept(): void;
  /** Save what is drawn, for leaving the image. @returns why it stays as it is; null when nothing would be lost */
  keep(): Obstacle | null;
  drop(): void;
  removeLastPrompt(): void;
  remove(uid: string): void;
  /** Go on drawing a saved annotation: from its prompts where this model made it, else from its mask. */
  reopen(uid: string): void;
  undo(): void;
  redo(): void;
}
