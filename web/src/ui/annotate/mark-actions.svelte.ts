/** Submitting, skipping and sending back the open image, and going on from there. */

import { NetworkError } from "../../api/errors.ts";
import type { ImageDetails, ImageState } from "../../api/types.ts";

export interface MarkHost {
  readonly image: ImageDetails | null;
  /** Keep what is being drawn as an annotation. @returns whether nothing would be lost by going on */
  keep(): boolean;
  /** @returns whether this browser keeps the mark; if not, the person has been told */
  mark(state: ImageState, note: string): Promise<boolean>;
  nextWaiting(): Promise<number | null>;
  go(imageId: number): void;
  tell(message: string): void;
  fail(error: unknown): void;
}

export class MarkActions {
  /** What a dialog asks a note for. */
  asking = $state.raw<"skip" | "sendBack" | null>(null);

  /** A key pressed twice, or held down, marks an image once. */
  private submitting = false;

  constructor(private readonly host: MarkHost) {}

  ask(what: "skip" | "sendBack" | null): void {
    this.asking = this.host.image && what;
  }

  async submit(): Promise<void> {
    if (this.submitting) return;
    this.submitting = true;
    try {
      if (!this.host.keep()) this.host.tell("The mask is still being computed. Submit once it is there.");
      else if (await this.host.mark("submitted", "")) await this.goOn();
    } finally {
      this.submitting = false;
    }
  }

  async skip(reason: string): Promise<void> {
    this.asking = null;
    this.host.keep();
    if (await this.host.mark("skipped", reason)) await this.goOn();
  }

  async sendBack(note: string): Promise<void> {
    this.asking = null;
    await this.host.mark("waiting", note);
  }

  /** Open the next image that waits. Without the server, the next image: it may have been loaded ahead. */
  async goOn(): Promise<void> {
    const { image } = this.host;
    if (!image) return;
    try {
      const next = await this.host.nextWaiting();
      if (this.host.image?.id !== image.id) return; // the person went elsewhere meanwhile
      if (next === null) this.host.tell("No other image is waiting.");
      else this.host.go(next);
    } catch (error) {
      if (!(error instanceof NetworkError)) this.host.fail(error);
      else if (image.next_id !== null) this.host.go(image.next_id);
      else this.host.tell("The server cannot be reached. This was the last image.");
    }
  }
}
