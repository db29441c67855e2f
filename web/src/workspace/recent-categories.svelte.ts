/** The categories that were chosen last in a project, in this browser, the newest first. */

type Storage = Pick<globalThis.Storage, "getItem" | "setItem">;

const MOST = 6;

export class RecentCategories {
  private readonly key: string;
  private ids = $state.raw<readonly number[]>([]);

  constructor(
    private readonly storage: Storage,
    projectId: number,
  ) {
    this.key = `limner recent categories of project ${projectId}`;
    const kept = storage.getItem(this.key)?.split(",") ?? [];
    this.ids = kept.map(Number).filter(Number.isSafeInteger).slice(0, MOST);
  }

  /** It was chosen. */
  note(id: number): void {
    if (this.ids[0] === id) return;
    this.ids = [id, ...this.ids.filter((each) => each !== id)].slice(0, MOST);
    this.storage.setItem(this.key, this.ids.join(","));
  }

  /** Those that were chosen last, then all others as they were. */
  first<Item>(items: readonly Item[], idOf: (item: Item) => number): Item[] {
    const rank = (item: Item) => {
      const place = this.ids.indexOf(idOf(item));
      return place < 0 ? MOST : place;
    };
    return items.toSorted((a, b) => rank(a) - rank(b));
  }
}
