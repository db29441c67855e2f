/** Which image the person of this page works on next, as the server hands it out: nobody else is handed it meanwhile. */
import type { Client } from "../api/client.ts";
import { NetworkError } from "../api/errors.ts";
import { amongOf, type Listing } from "../api/listing.ts";
import type { Marks } from "./marks.ts";

const TRIES = 5; // the server may hand out images that were settled here and whose marks are still on their way

export class Handouts {
  /** What they are handed after the open image, as far as the server has said. */
  private reserved: readonly number[] = [];
  /** The image for which the server handed out another one: it is given back already. */
  private left = 0;

  constructor(
    private readonly client: Pick<Client, "takeNext" | "giveBack">,
    private readonly projectId: number,
    private readonly marks: Pick<Marks, "waits">,
    /** Among which images one walks. */
    private readonly listing: () => Listing,
  ) {}

  /** What is worth loading ahead; null when nothing is known. */
  get ahead(): number | null {
    return this.reserved[0] ?? null;
  }

  /**
   * The image to work on after this one, which is given back unless it was settled here. Without the server, one that is
   * reserved: it was loaded ahead.
   * @returns null when there is none
   * @throws NetworkError the server cannot be reached, and nothing is reserved
   */
  async next(current: number): Promise<number | null> {
    try {
      return await this.ask(current);
    } catch (error) {
      const [first, ...others] = this.reserved;
      if (!(error instanceof NetworkError) || first === undefined) throw error;
      this.reserved = others;
      return first;
    }
  }

  /** They go elsewhere without having asked for the next one, or leave the page. */
  async leave(imageId: number): Promise<void> {
    if (imageId === this.left) return;
    this.reserved = [];
    await this.client.giveBack(imageId);
  }

  private async ask(current: number): Promise<number | null> {
    let from = current;
    this.left = current;
    for (let tries = 0; tries < TRIES; tries++) {
      const give_back = this.marks.waits(from);
      const { image_id, reserved } = await this.client.takeNext(this.projectId, {
        current: from,
        give_back,
        among: amongOf(this.listing()),
      });
      this.reserved = reserved;
      if (image_id === null || image_id === current) return null;
      if (this.marks.waits(image_id)) return image_id;
      from = image_id;
    }
    return null;
  }
}
