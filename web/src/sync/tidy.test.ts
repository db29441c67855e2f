import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, it } from "vitest";
import { NO_DRAFT } from "../core/draft.ts";
import { openSyncDatabase, type SyncDatabase } from "./database.ts";
import { presenceOf } from "./drafts.ts";
import { TabLocks } from "./locks.ts";
import { OperationStore } from "./store.ts";
import { tidy } from "./tidy.ts";

let database: SyncDatabase;
let presence: TabLocks;

beforeEach(async () => {
  database = await openSyncDatabase(`tidy ${crypto.randomUUID()}`);
  presence = new TabLocks();
});

afterEach(() => database.close());

const stand = (imageId: number, writer: string) =>
  database.put("revisions", { imageId, writer, revision: 3, floor: 0, sent: 0 });

it("forgets tabs that are gone, unless they left something to send", async () => {
  await presence.hold(presenceOf("living"));
  for (const writer of ["living", "gone", "left"]) await stand(1, writer);
  await stand(2, "gone");
  const store = new OperationStore(database, () => crypto.randomUUID());
  const operation = { kind: "delete", uid: "a" } as const;
  await store.append([
    store.queued({ imageId: 1, writer: "left", seen: 3, operation, before: null, after: null }),
  ]);
  await tidy({ database, presence, isGone: async () => false });
  expect(await database.getAllKeys("revisions")).toEqual([
    [1, "left"],
    [1, "living"],
  ]);
});

it("forgets what was drawn on an image that is gone, and nothing else that was drawn", async () => {
  for (const [imageId, writer] of [
    [1, "a"],
    [1, "b"],
    [2, "a"],
  ] as const) {
    const draft = { ...NO_DRAFT, categoryId: null, region: null };
    await database.put("drafts", { imageId, writer, user: "ann", draft, kept: 0 });
  }
  await tidy({ database, presence, isGone: async (imageId) => imageId === 1 });
  expect(await database.getAllKeys("drafts")).toEqual([[2, "a"]]);
});
