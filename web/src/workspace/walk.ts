/** From image to image through the list that the address names, which is the one that the gallery showed. */

import { addressOf, type Listing } from "../api/listing.ts";
import type { ImageDetails } from "../api/types.ts";
import { m } from "../texts/messages.ts";

export interface WalkHost {
  /** The one that is open. */
  readonly image: Pick<ImageDetails, "next_id" | "previous_id"> | null;
  readonly listing: Listing;
  go(imageId: number): void;
  tell(message: string, hint: string): void;
}

export class Walk {
  constructor(private readonly host: WalkHost) {}

  /** Whether only some of the images are walked through, or in an order of one's own. */
  get listed(): boolean {
    return addressOf(this.host.listing) !== "";
  }

  /** @returns whether there is a next one; at the end the person is told */
  step(direction: -1 | 1): boolean {
    const { image } = this.host;
    if (!image) return false;
    const id = direction === 1 ? image.next_id : image.previous_id;
    if (id === null) this.tellEnd(direction);
    else this.host.go(id);
    return id !== null;
  }

  private tellEnd(direction: -1 | 1): void {
    const whole = direction === 1 ? m.annotate_end_last : m.annotate_end_first;
    const some = direction === 1 ? m.annotate_end_last_listed : m.annotate_end_first_listed;
    if (this.listed) this.host.tell(some(), m.annotate_back_to_list_hint());
    else this.host.tell(whole(), "");
  }
}
