import type { Client } from "../api/client.ts";
import { explain, isAway } from "../api/errors.ts";
import { EVERYTHING, type Listing } from "../api/listing.ts";
import type { ProjectImage } from "../api/types.ts";
import { untilReachable } from "../app/reachable.ts";

const PAGE_SIZE = 100; // images
const AT_ONCE = 2; // pages on their way
const ATTEMPTS = 3; // to have a page whole, while images come and go

/** States of work, and filters, that let a new image pass: it has no mask, no tag, and it waits. */
const FOR_NEW: ReadonlySet<Listing["state"] | Listing["also"]> = new Set([
  "all",
  "any",
  "unannotated",
  "waiting",
]);

/** A list of which only what was looked at is here. */
export type SparseList = readonly (ProjectImage | undefined)[];

/**
 * The images of one project that are listed, kept up to date by events. How many there are is known from the start; those that
 * are looked at come page by page, wherever they stand.
 */
export class GalleryImages {
  /** As long as the list is; what has not come yet is undefined. */
  list = $state.raw<SparseList>([]);
  /** Whether the list's length is known. */
  counted = $state(false);
  loading = $state(false);
  problem = $state("");
  listing = $state.raw<Listing>(EVERYTHING);

  /** Rises with every new list, so that an answer to an older question is dropped. */
  private generation = 0;
  /** Pages on their way, by their place, and what events have told of images meanwhile: pages may be older. */
  private readonly reading = new Map<number, Promise<void>>();
  private meanwhile: ((image: ProjectImage) => ProjectImage | null)[] = [];
  /** Whether the whole list is being read anew: what it shows by then is given up. */
  private renewing = false;
  /** What is looked at: first and last place. */
  private seen: readonly [number, number] = [0, 0];
  private readonly known = new Set<number>();

  /** @param reachable resolves once the server answers again */
  constructor(
    private readonly client: Client,
    private readonly projectId: number,
    private readonly reachable: () => Promise<unknown> = () => untilReachable(client.session),
  ) {}

  /** Begin another list, or this one anew. */
  async reset(listing: Listing = this.listing): Promise<void> {
    this.listing = listing;
    this.list = [];
    this.counted = false;
    this.seen = [0, 0];
    await this.reload();
  }

  /** Read again what is looked at, and show it in place of the old at once, so that the page does not jump. */
  async reload(): Promise<void> {
    this.generation += 1;
    this.reading.clear();
    this.meanwhile = [];
    this.problem = "";
    await this.read(this.pageAt(this.seen[0]), true);
    this.pump();
  }

  /** These places are looked at: what is missing of them is read. */
  look(first: number, last: number): void {
    this.seen = [first, last];
    this.pump();
  }

  /** Read the first page that is missing of what is looked at, again after a failure. */
  retry(): void {
    this.problem = "";
    if (this.counted) this.pump();
    else void this.reload();
  }

  /** All images at these places, read if need be. Rejects when they cannot be. */
  async between(first: number, last: number): Promise<ProjectImage[]> {
    for (let page = this.pageAt(first); page <= this.pageAt(last); page++) {
      for (let attempt = 0; attempt < ATTEMPTS && this.lacks(page); attempt++) await this.read(page, false);
      if (this.problem) throw new Error(this.problem);
    }
    return this.list.slice(first, last + 1).filter((each) => each !== undefined);
  }

  /** There is a new image. @returns whether it is in its place already, or none of these */
  add(id: number, image?: ProjectImage): boolean {
    const { order, descending, state, also, search, folder, category, exhaustive, author, tag } =
      this.listing;
    if (!FOR_NEW.has(state) || !FOR_NEW.has(also) || author !== null || tag) return true;
    if (category !== null && exhaustive !== "unknown") return true; // it has no object, and nobody has looked
    if (this.renewing) return false; // the list that is on its way may lack it
    if (this.known.has(id) || !this.counted) return true;
    if (order !== "added" || search || folder) return false; // only the server knows where it stands, and whether it does
    this.known.add(id);
    this.list = descending ? [image, ...this.list] : [...this.list, image];
    this.pump();
    return true;
  }

  /** Whether which images are listed, or where they stand, hangs on what they are called. */
  get goesByNames(): boolean {
    const { order, search, folder } = this.listing;
    return order === "name" || search !== "" || folder !== "";
  }

  change(id: number, change: Partial<ProjectImage>): void {
    this.tell((image) => (image.id === id ? { ...image, ...change } : image));
    if (this.known.has(id))
      this.list = this.list.map((each) => (each?.id === id ? { ...each, ...change } : each));
  }

  drop(id: number): void {
    this.tell((image) => (image.id === id ? null : image));
    if (this.known.delete(id) && this.list.some((each) => each?.id === id)) {
      this.list = this.list.filter((each) => each?.id !== id);
      this.pump();
    }
  }

  private tell(change: (image: ProjectImage) => ProjectImage | null): void {
    if (this.reading.size > 0) this.meanwhile.push(change);
  }

  private pageAt = (place: number): number => Math.floor(place / PAGE_SIZE);

  private lacks(page: number): boolean {
    const end = Math.min(this.list.length, (page + 1) * PAGE_SIZE);
    for (let place = page * PAGE_SIZE; place < end; place++) if (this.list[place] === undefined) return true;
    return false;
  }

  private pump(): void {
    if (!this.counted || this.problem) return;
    for (let page = this.pageAt(this.seen[0]); page <= this.pageAt(this.seen[1]); page++) {
      if (this.reading.size >= AT_ONCE) return;
      if (!this.reading.has(page) && this.lacks(page)) void this.read(page, false);
    }
  }

  /** @param anew nothing that is here counts any more once this page has come */
  private async read(page: number, anew: boolean): Promise<void> {
    const known = this.reading.get(page);
    if (anew) this.renewing = true;
    const reading = known ?? this.ask(page, anew, this.generation);
    if (!known) {
      this.reading.set(page, reading);
      this.loading = true;
    }
    await reading;
  }

  private async ask(page: number, anew: boolean, generation: number): Promise<void> {
    const first = page * PAGE_SIZE;
    try {
      const answer = await this.client.images(this.projectId, this.listing, {
        skip: first,
        limit: PAGE_SIZE,
        ...(anew ? { counted: true } : {}),
      });
      if (generation !== this.generation) return;
      const images = this.meanwhile.reduce<ProjectImage[]>(
        (list, change) => list.map(change).filter((each) => each !== null),
        answer.images,
      );
      const end = first + images.length;
      const length = answer.next === null ? end : Math.max(this.list.length, end + 1);
      this.place(first, images, anew ? (answer.total ?? 0) : length, anew);
    } catch (error) {
      if (generation !== this.generation) return;
      this.problem = explain(error).message;
      if (isAway(error)) void this.goOn(anew, generation);
    } finally {
      if (generation === this.generation) {
        this.reading.delete(page);
        if (anew) this.renewing = false;
        if (this.reading.size === 0) this.meanwhile = [];
        this.loading = this.reading.size > 0;
        this.pump();
      }
    }
  }

  /** What could not be read for want of the server is read once it is back, if nobody has tried again meanwhile. */
  private async goOn(anew: boolean, generation: number): Promise<void> {
    await this.reachable();
    if (generation !== this.generation || !this.problem) return;
    if (anew) await this.reload();
    else this.retry();
  }

  private place(first: number, images: ProjectImage[], length: number, anew: boolean): void {
    const ids = new Set(images.map((each) => each.id));
    // What stands elsewhere, too, has moved: its old place is read again when it is looked at.
    const list = anew ? [] : this.list.map((each) => (each && ids.has(each.id) ? undefined : each));
    list.length = length;
    for (const [offset, image] of images.entries()) list[first + offset] = image;
    this.known.clear();
    for (const each of list) if (each) this.known.add(each.id);
    this.list = [...list]; // holes become undefined
    this.counted = true;
  }
}
