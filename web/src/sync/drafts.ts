/** What is being drawn on each image, kept for the case that its tab dies. Written by {@link OperationStore.append}. */
import type { KeptDraft } from "../core/draft.ts";
import type { DraftRow, SyncDatabase } from "./database.ts";
import type { Presence } from "./locks.ts";

export interface DraftsOptions {
  /** Of one person: nobody is shown what another one was drawing. */
  database: SyncDatabase;
  presence: Presence;
  /** Names this tab. */
  writer: string;
}

/** Names a tab among those that live. */
export const presenceOf = (writer: string) => `writer ${writer}`;

export class Drafts {
  constructor(private readonly options: DraftsOptions) {}

  /** Tell the other tabs that this one lives, for as long as it does. */
  async announce(): Promise<void> {
    await this.options.presence.hold(presenceOf(this.options.writer));
  }

  /** A row for the store. */
  row(imageId: number, draft: KeptDraft): DraftRow {
    return { imageId, writer: this.options.writer, draft, kept: Date.now() };
  }

  /**
   * What this tab was drawing on an image, else the newest draft of a tab that is gone: that one is this tab's from now on.
   * The time since it was kept does not count as work.
   */
  async claim(imageId: number): Promise<KeptDraft | null> {
    const { database, presence, writer } = this.options;
    const rows = await database.getAll("drafts", IDBKeyRange.bound([imageId], [imageId, []]));
    const rank = (row: DraftRow) => (row.writer === writer ? Number.POSITIVE_INFINITY : row.kept);
    for (const row of rows.sort((a, b) => rank(b) - rank(a))) {
      const found =
        row.writer === writer
          ? row
          : await presence.ifGone(presenceOf(row.writer), () => this.takeOver(imageId, row.writer));
      if (found) return resumed(found);
    }
    return null;
  }

  private async takeOver(imageId: number, from: string): Promise<DraftRow | null> {
    const transaction = this.options.database.transaction("drafts", "readwrite", { durability: "strict" });
    const row = await transaction.store.get([imageId, from]);
    if (row) {
      await transaction.store.delete([imageId, from]);
      await transaction.store.put({ ...row, writer: this.options.writer });
    }
    await transaction.done;
    return row ?? null;
  }
}

function resumed({ draft, kept }: DraftRow): KeptDraft {
  return { ...draft, startedAt: draft.startedAt === null ? null : draft.startedAt + (Date.now() - kept) };
}
