import { type Listing, queryOf } from "../api/listing.ts";
import type { ManyDone, ManyQuestion, ProjectImage } from "../api/types.ts";
import { m } from "../texts/messages.ts";

/** Images of the gallery that are chosen: some, each by itself, or all that are listed, whether they are here or not. */
export class ImageSelection {
  ids = $state.raw<ReadonlySet<number>>(new Set());
  /** All that are listed. */
  all = $state(false);
  /** A plain click chooses, as fingers need it. */
  choosing = $state(false);
  /** The place from which a range begins. */
  private anchor: number | null = null;

  /** @param between the images at these places, read if need be */
  constructor(private readonly between: (first: number, last: number) => Promise<ProjectImage[]>) {}

  get empty(): boolean {
    return !this.all && this.ids.size === 0;
  }

  has(id: number): boolean {
    return this.all || this.ids.has(id);
  }

  /** Choose an image, or not any more. Of all that are listed, only this one is left. */
  toggle(id: number, place: number): void {
    this.anchor = place;
    const ids = new Set(this.all ? [] : this.ids);
    this.all = false;
    if (!ids.delete(id)) ids.add(id);
    this.ids = ids;
  }

  /** Choose all from the image that was chosen last to this place. */
  async extend(place: number): Promise<void> {
    const from = this.anchor ?? place;
    const images = await this.between(Math.min(from, place), Math.max(from, place));
    if (this.anchor === null) this.anchor = place;
    this.ids = new Set([...(this.all ? [] : this.ids), ...images.map((each) => each.id)]);
    this.all = false;
  }

  /** Choose just these. */
  choose(ids: readonly number[]): void {
    this.all = false;
    this.ids = new Set(ids);
  }

  /** Of those that were chosen one by one, not these any more. */
  leaveOut(ids: readonly number[]): void {
    const out = new Set(ids);
    this.ids = new Set([...this.ids].filter((id) => !out.has(id)));
  }

  /** Have all images from the first to the last of these places read. */
  async read(places: readonly number[]): Promise<void> {
    const [first, last] = [places[0], places.at(-1)];
    if (first !== undefined && last !== undefined) await this.between(first, last);
  }

  chooseAll(): void {
    this.all = true;
    this.ids = new Set();
  }

  clear(): void {
    this.all = false;
    this.choosing = false;
    this.ids = new Set();
    this.anchor = null;
  }

  /** What the server is asked about. */
  question(listing: Listing): Omit<ManyQuestion, "change"> {
    if (!this.all) return { image_ids: [...this.ids] };
    const { order, descending, ...filter } = queryOf(listing);
    return { image_ids: null, ...filter };
  }
}

const TOLD = {
  submitted: [m.gallery_told_submitted, m.gallery_told_submitted_none],
  skipped: [m.gallery_told_skipped, m.gallery_told_skipped_none],
  returned: [m.gallery_told_returned, m.gallery_told_returned_none],
  trashed: [m.gallery_told_trashed, m.gallery_told_trashed_none],
  assigned: [m.gallery_told_assigned, m.gallery_told_assigned_none],
  freed: [m.gallery_told_freed, m.gallery_told_freed_none],
  tagged: [m.gallery_told_tagged, m.gallery_told_tagged_none],
  untagged: [m.gallery_told_untagged, m.gallery_told_untagged_none],
  moved: [m.gallery_told_moved, m.gallery_told_moved_none],
  movedOut: [m.gallery_told_moved_out, m.gallery_told_moved_out_none],
} as const;
/** What was done to many images; freed: anyone may have them; movedOut: they are in no folder. */
export type DoneToMany = keyof typeof TOLD;

/** What became of many images, in a sentence: "12 images submitted." @param word the tag, or the folder */
export function told({ done }: ManyDone, what: DoneToMany, word = ""): string {
  const [some, none] = TOLD[what];
  const words = { tag: word, folder: word };
  return done.length === 0 ? none(words) : some({ count: done.length, ...words });
}

/** Why some were left as they are, in a sentence for each reason; empty when none was. */
export function refusals({ refused }: ManyDone): string {
  const counts = new Map<string, number>();
  for (const { error, image_ids } of refused)
    counts.set(error.message, (counts.get(error.message) ?? 0) + image_ids.length);
  return [...counts].map(([reason, count]) => m.gallery_left_as_is({ reason, count })).join(" ");
}
