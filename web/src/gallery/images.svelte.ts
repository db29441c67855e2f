import type { Client } from "../api/client.ts";
import { explain } from "../api/errors.ts";
import type { ImageFilter, ImagePage, ProjectImage } from "../api/types.ts";

type Change = (list: ProjectImage[]) => ProjectImage[];

const PAGE_SIZE = 100;
/** Filters that let a new image pass: it has no mask, and it waits. */
const FOR_NEW: ReadonlySet<ImageFilter> = new Set(["all", "unannotated", "waiting"]);

/** The images of one project, page after page as the person scrolls, kept up to date by events. */
export class GalleryImages {
  list = $state.raw<ProjectImage[]>([]);
  loading = $state(false);
  complete = $state(false);
  problem = $state("");
  filter = $state<ImageFilter>("all");

  private cursor: string | null = null;
  /** Rises with every reset, so that an answer to an older question is dropped. */
  private generation = 0;
  /** How many images were on the page that is restored. */
  private wanted = 0;
  private reading: Promise<void> = Promise.resolve();
  /** What events have told while something is read, which may be older. */
  private meanwhile: Change[] = [];

  constructor(
    private readonly client: Client,
    private readonly projectId: number,
  ) {}

  async reset(filter: ImageFilter = this.filter): Promise<void> {
    this.generation += 1;
    this.wanted = 0;
    this.filter = filter;
    this.cursor = null;
    this.list = [];
    this.complete = false;
    this.loading = false;
    await this.more();
  }

  /** Start with at least so many, as far as there are. */
  async restore(filter: ImageFilter, count: number): Promise<void> {
    const first = this.reset(filter);
    this.wanted = count;
    await first;
    // Not when somebody chose another filter meanwhile.
    while (this.wanted === count && this.list.length < count && !this.complete && !this.problem) {
      await this.more();
    }
  }

  /** The next page; when something is on its way already, resolves with that. */
  async more(): Promise<void> {
    if (!this.loading && !this.complete) this.reading = this.readPage();
    await this.reading;
  }

  private async readPage(): Promise<void> {
    const { generation } = this;
    this.begin();
    this.problem = "";
    try {
      const page = await this.client.images(this.projectId, this.cursor, PAGE_SIZE, this.filter);
      if (generation !== this.generation) return;
      const known = new Set(this.list.map((each) => each.id));
      this.cursor = page.next;
      this.complete = page.next === null;
      this.show([...this.list, ...page.images.filter((each) => !known.has(each.id))]);
    } catch (error) {
      if (generation === this.generation) this.problem = explain(error).message;
    } finally {
      if (generation === this.generation) this.loading = false;
    }
  }

  /** Read again what is on the page, and show it in place of the old at once, so that the page does not jump. */
  async reload(): Promise<void> {
    const again = this.readAgain();
    this.reading = again.catch(() => undefined); // whoever waits for it goes on where it ended
    await again;
  }

  private async readAgain(): Promise<void> {
    const { filter } = this;
    const count = Math.max(this.list.length, this.wanted);
    const generation = ++this.generation;
    this.begin();
    const fresh: ProjectImage[] = [];
    let cursor: string | null = null;
    try {
      do {
        const page: ImagePage = await this.client.images(this.projectId, cursor, PAGE_SIZE, filter);
        fresh.push(...page.images);
        cursor = page.next;
      } while (cursor !== null && fresh.length < count);
      if (generation !== this.generation) return;
      this.cursor = cursor;
      this.complete = cursor === null;
      this.show(fresh);
    } finally {
      if (generation === this.generation) this.loading = false;
    }
  }

  add(image: ProjectImage): void {
    this.apply((list) => {
      const known = list.some((each) => each.id === image.id);
      // New images come last: they show at once only where the end of the list is on the page.
      return !known && this.complete && FOR_NEW.has(this.filter) ? [...list, image] : list;
    });
  }

  change(id: number, change: Partial<ProjectImage>): void {
    this.apply((list) =>
      list.some((each) => each.id === id)
        ? list.map((each) => (each.id === id ? { ...each, ...change } : each))
        : list,
    );
  }

  drop(id: number): void {
    this.apply((list) => list.filter((each) => each.id !== id));
  }

  private begin(): void {
    this.loading = true;
    this.meanwhile = [];
  }

  private apply(change: Change): void {
    this.list = change(this.list);
    if (this.loading) this.meanwhile.push(change);
  }

  private show(list: ProjectImage[]): void {
    this.list = this.meanwhile.reduce((sum, change) => change(sum), list);
  }
}
