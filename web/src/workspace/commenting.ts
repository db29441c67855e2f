/** From commands and pins to comments: what a new one is about, and which thread is looked at. */

import { type ImagePoint, imagePoint } from "../core/geometry.ts";
import type { Comments } from "./comments.svelte.ts";

export interface CommentingHost {
  readonly comments: Pick<Comments, "about" | "current" | "placing" | "walk">;
  readonly selected: readonly { readonly uid: string }[];
  /** Where somebody points at the image; null: nowhere. */
  readonly pointed: ImagePoint | null;
  /** Bring a place of the image into view. */
  reveal(at: ImagePoint): void;
  /** Show the threads. */
  open(): void;
  /** Show where a new comment is written, with the cursor in it. */
  write(): void;
  /** A place on the image is chosen next: nothing may cover it. */
  uncover(): void;
}

export class Commenting {
  constructor(private readonly host: CommentingHost) {}

  /** Say something about the selected object, the place that is pointed at, or else the image. */
  begin(): void {
    const { comments, selected, pointed } = this.host;
    const [object] = selected;
    if (object && selected.length === 1) comments.about = { kind: "object", uid: object.uid };
    else comments.about = pointed ? { kind: "place", at: pointed } : { kind: "image" };
    this.host.write();
  }

  look(thread: number): void {
    this.host.comments.current = thread;
    this.host.open();
  }

  /** Go to the next thread that is open, and to its place on the image. */
  next(): void {
    const next = this.host.comments.walk();
    if (!next) return;
    if (next.at) this.host.reveal(imagePoint(...next.at));
    this.host.open();
  }

  /** The next click on the image says where the new comment belongs. */
  choosePlace(): void {
    this.host.comments.placing = true;
    this.host.uncover();
  }

  /** @param at null: no place was chosen after all */
  place(at: ImagePoint | null): void {
    const { comments } = this.host;
    comments.placing = false;
    if (at) comments.about = { kind: "place", at };
    this.host.write();
  }
}
