/** What nobody will ask this browser's database for again: it would grow with every tab. */
import type { SyncDatabase } from "./database.ts";
import { presenceOf } from "./drafts.ts";
import type { Presence } from "./locks.ts";

interface TidyOptions {
  database: SyncDatabase;
  presence: Presence;
  /** Whether the server has no such image any more. */
  isGone: (imageId: number) => Promise<boolean>;
}

/** Forget what was drawn on images that are gone, and where tabs stood that are gone and have nothing left to send. */
export async function tidy({ database, presence, isGone }: TidyOptions): Promise<void> {
  const drawn = new Set((await database.getAllKeys("drafts")).map(([imageId]) => imageId));
  for (const imageId of drawn) {
    if (await isGone(imageId)) await database.delete("drafts", IDBKeyRange.bound([imageId], [imageId, []]));
  }
  for (const [imageId, writer] of await database.getAllKeys("revisions")) {
    await presence.ifGone(presenceOf(writer), () => forgetWriter(database, imageId, writer));
  }
}

async function forgetWriter(database: SyncDatabase, imageId: number, writer: string): Promise<void> {
  const transaction = database.transaction(["operations", "revisions"], "readwrite");
  const ofWriter = IDBKeyRange.bound([imageId, writer], [imageId, writer, []]);
  const left = await transaction.objectStore("operations").index("by_writer").count(ofWriter);
  if (left === 0) await transaction.objectStore("revisions").delete([imageId, writer]);
  await transaction.done;
}
