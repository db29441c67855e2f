/** Suggestions for the open image: read from the server, asked for, and how looking for them goes. */

import type { Client } from "../api/client.ts";
import type { ProjectEvent, SuggestRequest } from "../api/types.ts";
import type { Session } from "../session/session.svelte.ts";
import { m } from "../texts/messages.ts";

export type SuggestionsTold = Pick<
  Extract<ProjectEvent, { event: "suggestions" }>,
  "image_id" | "state" | "done" | "total" | "found" | "error"
>;

/** How looking for suggestions goes, as shares of what is to be done; null when it is not known yet. */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

export const GRIDS = [8, 16, 32] as const; // points along each side

/** Boxes that a detector is less sure of are not asked for. */
export const OBJECTNESS = 0.1;

/** Least scores of a box (what was learned of each category, otherwise the usual one), and of a word of a phrase. */
export const TEXT_THRESHOLDS = { box_threshold: null, text_threshold: 0.25 } as const;

const MAX_EXAMPLES = 32; // of one request, as the server takes them

export class Suggesting {
  /** Null when nothing is being looked for. */
  progress = $state.raw<Progress | null>(null);
  /** Points along each side of the grid. */
  grid = $state.raw<(typeof GRIDS)[number]>(16);
  private imageId = 0;

  constructor(
    private readonly client: Pick<Client, "suggestions" | "requestSuggestions" | "cancelSuggestions">,
    private readonly session: Pick<Session, "suggestions">,
    private readonly tell: (message: string) => void,
    private readonly fail: (error: unknown) => void,
  ) {}

  /** Another image is open; 0: none. */
  open(imageId: number): void {
    this.imageId = imageId;
    this.progress = null;
    if (imageId) void this.load();
  }

  /** Ask again: what the events tell may have been missed. */
  async load(): Promise<void> {
    const { imageId } = this;
    if (!imageId) return;
    try {
      const found = await this.client.suggestions(imageId);
      if (imageId !== this.imageId) return;
      this.session.suggestions.load(found.suggestions);
      if (!found.activity) this.progress = null;
      else this.progress ??= { done: 0, total: 0 };
    } catch (error) {
      if (imageId === this.imageId) this.fail(error);
    }
  }

  hear({ image_id, state, done, total, found, error }: SuggestionsTold): void {
    if (image_id !== this.imageId) return;
    if (state === "waiting") this.progress = { done: 0, total: 0 };
    else if (state === "running") this.progress = { done, total };
    else {
      const asked = this.progress !== null;
      this.progress = null;
      if (state === "failed") this.fail(new Error(m.annotate_suggesting_failed({ reason: error ?? "" })));
      if (state === "ready") {
        if (asked && found === 0) this.tell(m.annotate_suggesting_none());
        void this.load();
      }
    }
  }

  async everything(): Promise<void> {
    await this.ask({ source: "everything", points_per_side: this.grid });
  }

  /** @param examples uids of saved objects, of this image or of others */
  async similar(examples: readonly string[]): Promise<void> {
    if (examples.length === 0) return;
    await this.ask({ source: "similar", examples: examples.slice(0, MAX_EXAMPLES) });
  }

  /** By the project's newest detector that is not known to be worse than the one that came with Limner, or by that one. */
  async detected(): Promise<void> {
    await this.ask({ source: "detector", objectness: OBJECTNESS });
  }

  /** @param text what phrases name, with commas between them; a detector that reads text finds it */
  async named(text: string): Promise<void> {
    const phrases = text.trim();
    if (phrases) await this.ask({ source: "text", text: phrases, ...TEXT_THRESHOLDS });
  }

  async cancel(): Promise<void> {
    const { imageId } = this;
    try {
      await this.client.cancelSuggestions(imageId);
      if (imageId === this.imageId) this.progress = null;
    } catch (error) {
      this.fail(error);
    }
  }

  private async ask(request: SuggestRequest): Promise<void> {
    const { imageId } = this;
    if (!imageId || this.progress) return;
    this.progress = { done: 0, total: 0 };
    try {
      await this.client.requestSuggestions(imageId, request);
    } catch (error) {
      if (imageId === this.imageId) this.progress = null;
      this.fail(error);
    }
  }
}
