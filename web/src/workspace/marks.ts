/** How far the work on images is, as this page says it, and where the work goes on. */
import type { Client } from "../api/client.ts";
import type { Listing } from "../api/listing.ts";
import {
  type ImageDetails,
  type ImageMark,
  type ImageState,
  isOpenWork,
  type ReturnedTo,
} from "../api/types.ts";
import { newUuid } from "../core/ids.ts";
import type { ImageSync } from "../sync/image.ts";

const LOOK_AHEAD = 20; // images; some of them may have been settled here already

export class Marks {
  /** What was said here, by image, until the server confirms it: what it tells meanwhile may be older. */
  private readonly said = new Map<number, ImageState>();

  /** What the server told last. Details loaded ahead know of an earlier time. */
  private readonly heard = new Map<number, ImageState>();

  constructor(
    private readonly client: Pick<Client, "images">,
    private readonly projectId: number,
    /** Among which images one walks. */
    private readonly listing: () => Listing,
  ) {}

  /** Durable in this browser when it resolves; it reaches the server as operations do, after those before it. */
  async say(
    sync: Pick<ImageSync, "imageId" | "recordMark">,
    state: ImageState,
    note: string,
    to?: ReturnedTo,
  ): Promise<void> {
    await sync.recordMark({ kind: "mark", uid: newUuid(), state, note, ...(to && { to }) });
    this.said.set(sync.imageId, state);
  }

  /** The server has told how far the work on an image is. */
  hear(imageId: number, { state }: ImageMark): void {
    const said = this.said.get(imageId);
    if (said !== undefined && said !== state) return;
    this.said.delete(imageId);
    this.heard.set(imageId, state);
  }

  /** Some of what the server told may have been missed: what it tells when asked counts again. */
  missed(): void {
    this.heard.clear();
  }

  /** What was said of an image does not count. */
  forget(imageId: number): void {
    this.said.delete(imageId);
  }

  /** Whether an image waits for somebody to work on it, as far as this page knows. */
  waits(imageId: number): boolean {
    return isOpenWork(this.said.get(imageId) ?? this.heard.get(imageId) ?? "waiting");
  }

  /** The next image that was submitted, going round to the beginning; null when there is no other one. */
  async nextSubmitted({ id }: ImageDetails): Promise<number | null> {
    const listing = { ...this.listing(), state: "submitted" as const };
    for (const place of [{ after: String(id) }, {}]) {
      const { images } = await this.client.images(this.projectId, listing, { ...place, limit: LOOK_AHEAD });
      const next = images.find((each) => each.id !== id && this.isSubmitted(each.id));
      if (next) return next.id;
    }
    return null;
  }

  private isSubmitted(imageId: number): boolean {
    return (this.said.get(imageId) ?? this.heard.get(imageId) ?? "submitted") === "submitted";
  }
}
