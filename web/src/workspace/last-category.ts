/** The category that was chosen last in a project, in this browser. */

type Storage = Pick<globalThis.Storage, "getItem" | "setItem" | "removeItem">;

export class LastCategory {
  private readonly key: string;

  constructor(
    private readonly storage: Storage,
    projectId: number,
  ) {
    this.key = `limner category of project ${projectId}`;
  }

  /** Null where none was chosen, or where it is gone. */
  known(categories: readonly { readonly id: number }[]): number | null {
    const id = Number(this.storage.getItem(this.key) ?? Number.NaN);
    return categories.some((category) => category.id === id) ? id : null;
  }

  remember(id: number | null): void {
    if (id === null) this.storage.removeItem(this.key);
    else this.storage.setItem(this.key, String(id));
  }
}
