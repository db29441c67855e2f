import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { NO_DRAFT } from "../core/draft.ts";
import { openSyncDatabase, type SyncDatabase } from "./database.ts";
import { presenceOf } from "./drafts.ts";
import { TabLocks } from "./locks.ts";
import { OperationStore } from "./store.ts";
import { KEPT_FOR, tidy } from "./tidy.ts";

let database: SyncDatabase;
let presence: TabLocks;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: 10_000 });
  database = await openSyncDatabase(`tidy ${crypto.randomUUID()}`);
  presence = new TabLocks();
});

afterEach(() => {
  vi.useRealTimers();
  database.close();
});

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
  await tidy({ database, presence, isMissing: async () => false });
  expect(await database.getAllKeys("revisions")).toEqual([
    [1, "left"],
    [1, "living"],
  ]);
});

async function draw(imageId: number, writer: string) {
  const draft = { ...NO_DRAFT, categoryId: null, region: null };
  await database.put("drafts", { imageId, writer, draft, kept: 0 });
}

const drafts = () => database.getAllKeys("drafts");
const missing = (imageId: number) => tidy({ database, presence, isMissing: async (id) => id === imageId });

it("forgets what was drawn on an image once it has been missing for longer than the trash keeps it", async () => {
  await draw(1, "a");
  await draw(1, "b");
  await draw(2, "a");
  await missing(1);
  vi.setSystemTime(10_000 + KEPT_FOR);
  await missing(1);
  expect(await drafts()).toHaveLength(3);
  vi.setSystemTime(10_001 + KEPT_FOR);
  await missing(1);
  expect(await drafts()).toEqual([[2, "a"]]);
});

it("keeps what was drawn on an image that was restored in between, however old it is", async () => {
  await draw(1, "a");
  await missing(1);
  vi.setSystemTime(KEPT_FOR);
  await missing(2); // image 1 is there again
  vi.setSystemTime(3 * KEPT_FOR);
  await missing(1);
  expect(await drafts()).toEqual([[1, "a"]]);
});
