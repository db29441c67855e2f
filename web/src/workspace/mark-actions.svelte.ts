/** Submitting, skipping, approving and sending back the open image, and going on from there. */

import { NetworkError } from "../api/errors.ts";
import {
  type ImageDetails,
  type ImageMark,
  type ImageState,
  isOpenWork,
  type ReturnedTo,
} from "../api/types.ts";
import type { Obstacle } from "../session/obstacles.ts";
import { m } from "../texts/messages.ts";

export interface MarkHost {
  readonly image: ImageDetails | null;
  /** Whether the image's annotations are there, so that it can be marked. */
  readonly ready: boolean;
  /** Whether to ask before an image is submitted that has no masks. */
  readonly asksEmpty: boolean;
  /** Whether the image has no masks. */
  readonly empty: boolean;
  /** Keep what is being drawn as an annotation. @returns why it stays as it is; null when nothing would be lost */
  keep(): Obstacle | null;
  /** @returns whether this browser keeps the mark; if not, the person has been told */
  mark(state: ImageState, note: string, to?: ReturnedTo): Promise<boolean>;
  nextWaiting(): Promise<number | null>;
  /** Whether only some images are walked through, those of a list. */
  readonly listed: boolean;
  /** Whether they may work on the image: submit it, skip it, be handed the next one. */
  readonly annotates: boolean;
  /** Whether they may approve and return. */
  readonly reviews: boolean;
  nextSubmitted(): Promise<number | null>;
  go(imageId: number): void;
  tell(message: string, hint?: string): void;
  /** Tell what was done, with a way to take it back. */
  offer(message: string, undo: () => void): void;
  fail(error: unknown): void;
}

/** `empty`: whether an image without masks is meant to be submitted. */
type Note = "skip" | "sendBack" | "empty";

/** What a note is asked for: an image as it was marked then. */
interface Question {
  readonly note: Note;
  readonly imageId: number;
  readonly mark: ImageMark;
}

export class MarkActions {
  private question = $state.raw<Question | null>(null);

  /** An image whose mark is taken back once it is open. */
  private takingBack: ImageDetails | null = null;

  /** A key pressed twice, or held down, marks an image once. */
  private submitting = false;

  constructor(private readonly host: MarkHost) {}

  /** What a dialog asks a note for. Nothing any more once another image is open, or this one is marked otherwise. */
  get asking(): Note | null {
    const { question } = this;
    const { image, ready } = this.host;
    if (!question || !ready || image?.id !== question.imageId) return null;
    const { state, at } = question.mark;
    return image.mark.state === state && image.mark.at === at ? question.note : null;
  }

  get annotates(): boolean {
    return this.host.annotates;
  }

  get reviews(): boolean {
    return this.host.reviews;
  }

  ask(note: Note | null): void {
    const { image, ready } = this.host;
    this.question = image && ready && note ? { note, imageId: image.id, mark: image.mark } : null;
  }

  async submit(): Promise<void> {
    if (this.submitting || !this.host.image) return;
    if (!this.host.ready) {
      this.host.tell(m.annotate_submit_loading());
      return;
    }
    this.submitting = true;
    try {
      const obstacle = this.host.keep();
      if (obstacle) this.host.tell(m.annotate_not_submitted({ reason: obstacle.message }), obstacle.hint);
      else if (this.host.empty && this.host.asksEmpty) this.ask("empty");
      else await this.settle("submitted", "");
    } finally {
      this.submitting = false;
    }
  }

  /** There is nothing to annotate on the image. */
  async submitEmpty(): Promise<void> {
    if (this.asking !== "empty") return;
    this.question = null;
    await this.settle("submitted", "");
  }

  async skip(reason: string): Promise<void> {
    if (this.asking !== "skip") return;
    this.question = null;
    this.host.keep();
    await this.settle("skipped", reason);
  }

  /** To be called when an image was opened: its mark may be one that somebody wanted to take back. */
  async opened(): Promise<void> {
    const { image, ready } = this.host;
    const { takingBack } = this;
    if (!takingBack || !image || !ready) return;
    this.takingBack = null;
    if (image.id !== takingBack.id) return; // they went elsewhere
    // What is shown of its mark may be older than the one that is meant. Others' decisions the server does not have changed.
    await this.host.mark("waiting", takingBack.mark.note); // what a reviewer had to say stays
  }

  /** Nobody has to work on the image any more: on to the next one. */
  private async settle(state: "submitted" | "skipped", note: string): Promise<void> {
    const { image } = this.host;
    if (!image || !(await this.host.mark(state, note))) return;
    if (isOpenWork(image.mark.state)) {
      const told = state === "submitted" ? m.annotate_image_is_submitted : m.annotate_image_is_skipped;
      this.host.offer(told({ image: image.file_name }), () => this.takeBack(image));
    }
    await this.goOn();
  }

  private takeBack(image: ImageDetails): void {
    this.takingBack = image;
    if (this.host.image?.id === image.id) void this.opened();
    else this.host.go(image.id);
  }

  /** @param to who goes on with it, where a reviewer returns it */
  async sendBack(note: string, to: ReturnedTo = "author"): Promise<void> {
    if (this.asking !== "sendBack") return;
    this.question = null;
    if (this.host.reviews) await this.host.mark("returned", note, to);
    else await this.host.mark("waiting", note);
  }

  /** It is as it should be: on to the next one that was submitted. */
  async approve(): Promise<void> {
    if (this.submitting || !this.host.image) return;
    if (!this.host.ready) {
      this.host.tell(m.annotate_approve_loading());
      return;
    }
    this.submitting = true;
    try {
      if (await this.host.mark("approved", "")) await this.goOnReviewing();
    } finally {
      this.submitting = false;
    }
  }

  /** Open the next image that was submitted. */
  async goOnReviewing(): Promise<void> {
    const none = this.host.listed ? m.annotate_none_submitted_listed() : m.annotate_none_submitted();
    await this.goTo(() => this.host.nextSubmitted(), none);
  }

  /** Open the next image that the person is handed. */
  async goOn(): Promise<void> {
    const none = this.host.listed ? m.annotate_none_to_work_on_listed() : m.annotate_none_to_work_on();
    await this.goTo(() => this.host.nextWaiting(), none);
  }

  /** Without the server, the next image: it may have been loaded ahead. */
  private async goTo(find: () => Promise<number | null>, none: string): Promise<void> {
    const { image } = this.host;
    if (!image) return;
    try {
      const next = await find();
      if (this.host.image?.id !== image.id) return; // the person went elsewhere meanwhile
      if (next === null) this.host.tell(none, this.host.listed ? m.annotate_back_to_list_hint() : "");
      else this.host.go(next);
    } catch (error) {
      if (!(error instanceof NetworkError)) this.host.fail(error);
      else if (image.next_id !== null) this.host.go(image.next_id);
      else this.host.tell(m.annotate_last_image_offline());
    }
  }
}
