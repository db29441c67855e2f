/** The words between the engine (decoder, session, stage) and the rest of the client. */

import type { AnnotationContent, Operation } from "../api/types.ts";
import type { KeptDraft } from "../core/draft.ts";
import type { ImageSize } from "../core/geometry.ts";
import type { Plane } from "../core/logits.ts";
import type { DecoderPrompts, Prompts } from "../core/prompts.ts";
import type { Region } from "../core/region.ts";
import type { MaskEditor } from "./mask-editor.svelte.ts";
import type { Obstacle } from "./obstacles.ts";
import type { WorkClock } from "./pace.ts";
import type { Reshaper } from "./reshaper.ts";

/** What the page reads of a model's manifest.json; `server/limner/manifest.py` describes the whole. */
export interface Manifest {
  readonly format: 1;
  readonly name: string;
  readonly title: string;
  readonly weights_sha256: string;
  readonly preprocessing_version: number;
  readonly input: { readonly image_size: number };
  readonly embedding: { readonly channels: number; readonly height: number; readonly width: number };
  readonly low_res_size: number;
  readonly num_masks: number;
  readonly graphs: { readonly prepare: GraphFile; readonly decode: GraphFile };
}

export interface GraphFile {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** What the decoder answers to one prompt. */
export interface Decoded {
  /** (num_masks, low_res_size, low_res_size) logits over the padded model input. */
  readonly lowRes: Float32Array;
  /** (num_masks,) */
  readonly iou: Float32Array;
  /** Time the graph took in the worker. */
  readonly milliseconds: number;
}

export type DecoderState = "empty" | "loading" | "idle" | "preparing" | "ready" | "failed";

/** Where graphs run: on the processor, or on the graphics card. */
export type Provider = "wasm" | "webgpu";
/** `auto`: on the graphics card where there is one that answers rightly and fast, else on the processor. */
export type ProviderWish = Provider | "auto";

export interface Answering {
  readonly provider: Provider;
  /** Why it is not the graphics card; null when it is, or when nobody wished for it. */
  readonly fallback: string | null;
}

export interface DecoderInfo extends Answering {
  /** `empty`: no model; `idle`: a model, no image; `ready`: answers prompts. */
  readonly state: DecoderState;
  readonly threads: number;
  /** False when the page is not cross-origin isolated, so that there is one thread only. */
  readonly isolated: boolean;
  readonly lastDecodeMs: number | null;
  readonly prepareMs: number | null;
  /** What went wrong last: why `state` is `failed`, or what the decoder is recovering from. */
  readonly message: string | null;
}

/**
 * The prompt encoder and mask decoder of one model, in a worker that is started again when it dies. One decode is in flight;
 * of those that wait, the newest wins and the others resolve to null, as do all that were asked for another image than the
 * open one.
 */
export interface Decoder {
  readonly info: DecoderInfo;
  readonly manifest: Manifest | null;
  /** @returns disposer */
  subscribe(listener: (info: DecoderInfo) => void): () => void;
  /**
   * Buffers are kept, for a worker that has to be started again.
   * @throws DecoderError when the graphs do not load or do not fit the manifest.
   */
  loadModel(manifest: Manifest, prepareGraph: ArrayBuffer, decodeGraph: ArrayBuffer): Promise<void>;
  /**
   * Parse an embedding (safetensors bytes, kept while the image is open) and run `prepare`.
   * @returns false when another image was opened or closed meanwhile.
   * @throws DecoderError for an embedding of another model, a broken file, or when no model is loaded.
   */
  openImage(embedding: ArrayBuffer): Promise<boolean>;
  /** Forget the open image, e.g. on navigation while the next embedding is still on its way. */
  closeImage(): void;
  /** @param image size of what the open embedding was made from */
  decode(prompts: DecoderPrompts, image: ImageSize): Promise<Decoded | null>;
  dispose(): void;
}

/** An annotation as the session needs it (more fields are welcome and ignored). */
export type Annotation = AnnotationContent & { readonly uid: string };

export type Provenance = NonNullable<AnnotationContent["provenance"]>;

export type { Operation };

export interface SessionImage extends ImageSize {
  readonly id: number;
}

export interface SessionCategory {
  readonly id: number;
  readonly name: string;
  /** "#rrggbb" */
  readonly color: string;
}

export type ToolName = "points" | "box" | HandTool;

/** Tools that change pixels without asking the model. */
export type HandTool = "brush" | "eraser" | "polygon" | "fill" | "vertices";

/** One entry of the annotation list. */
export type AnnotationView = Annotation & {
  /** "#rrggbb" as painted: the category's, or one from the palette when there is none. */
  readonly colour: string;
  readonly area: number;
  readonly hidden: boolean;
  readonly locked: boolean;
};

export interface Candidate {
  /** 0–3, the index in the decoder's output. */
  readonly index: number;
  readonly iou: number;
  readonly plane: Plane;
}

/** Something the annotator should read, e.g. that an empty mask cannot be accepted; "{accept}" stands for a command's key. */
export interface Notice {
  readonly level: "info" | "error";
  readonly message: string;
}

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
