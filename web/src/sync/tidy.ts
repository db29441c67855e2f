/** What nobody will ask this browser's database for again: it would grow with every tab. */
import type { SyncDatabase } from "./database.ts";
import { presenceOf } from "./drafts.ts";
import type { Presence } from "./locks.ts";

/**
 * ms; drafts of an image that the server does not show are kept this long. It may be in the trash, which keeps images 30 days
 * (`KEPT_FOR` in `server/limner/store/trash.py`), or be out of sight until a role is given back: the server answers the same.
 */
export const KEPT_FOR = 31 * 24 * 60 * 60 * 1000; // a day more, for clocks that differ

interface TidyOptions {
  database: SyncDatabase;
  presence: Presence;
  /** Whether the server shows no such image. */
  isMissing: (imageId: number) => Promise<boolean>;
}

/** Forget what was drawn on images that are gone for good, and where tabs stood that are gone and have nothing left to send. */
export async function tidy({ database, presence, isMissing }: TidyOptions): Promise<void> {
  const drawn = new Set((await database.getAllKeys("drafts")).map(([imageId]) => imageId));
  for (const imageId of drawn) await tidyDrafts(database, imageId, await isMissing(imageId));
  for (const [imageId, writer] of await database.getAllKeys("revisions")) {
    await presence.ifGone(presenceOf(writer), () => forgetWriter(database, imageId, writer));
  }
}

/** Note since when the image of some drafts is missing, and forget them once that is long ago. */
async function tidyDrafts(database: SyncDatabase, imageId: number, missing: boolean): Promise<void> {
  const now = Date.now();
  const transaction = database.transaction("drafts", "readwrite");
  for (const row of await transaction.store.getAll(IDBKeyRange.bound([imageId], [imageId, []]))) {
    const since = missing ? (row.missingSince ?? now) : null;
    if (since !== null && now - since > KEPT_FOR) await transaction.store.delete([imageId, row.writer]);
    else if (since !== (row.missingSince ?? null))
      await transaction.store.put({ ...row, missingSince: since });
  }
  await transaction.done;
}

async function forgetWriter(database: SyncDatabase, imageId: number, writer: string): Promise<void> {
  const transaction = database.transaction(["operations", "revisions"], "readwrite");
  const ofWriter = IDBKeyRange.bound([imageId, writer], [imageId, writer, []]);
  const left = await transaction.objectStore("operations").index("by_writer").count(ofWriter);
  if (left === 0) await transaction.objectStore("revisions").delete([imageId, writer]);
  await transaction.done;
}
