import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Operation } from "../api/types.ts";
import type { KeptDraft } from "../core/draft.ts";
import { NO_PROMPTS } from "../core/prompts.ts";
import type { SyncDatabase } from "./database.ts";
import { Drafts } from "./drafts.ts";
import { FakeServer } from "./fake-server.test-support.ts";
import { LastingDatabase } from "./lasting-database.ts";
import { type Presence, TabLocks } from "./locks.ts";
import { OperationStore } from "./store.ts";
import { Synchroniser } from "./synchroniser.ts";

const drawn = (counts: string): KeptDraft => ({
  prompts: { ...NO_PROMPTS, mask: { size: [4, 4], counts } },
  edited: { size: [4, 4], counts },
  shown: 2,
  reopenedUid: null,
  startedAt: 5_000,
  categoryId: 3,
  region: null,
});

const accepted: Operation = {
  kind: "create",
  uid: "a",
  category_id: 3,
  segmentation: { size: [4, 4], counts: "00" },
  iscrowd: 0,
  attributes: {},
  provenance: null,
};

/** Which tabs of the browser live: what Web Locks know. */
class Living implements Presence {
  readonly held = new Set<string>();

  async hold(name: string): Promise<void> {
    this.held.add(name);
  }

  async ifGone<T>(name: string, work: () => Promise<T>): Promise<T | null> {
    return this.held.has(name) ? null : await work();
  }
}

const server = new FakeServer();
let storage: LastingDatabase;
let database: SyncDatabase;
let living: Living;

async function openTab() {
  const before = new Set(living.held);
  const writer = crypto.randomUUID();
  const drafts = new Drafts({ database, presence: living, writer });
  await drafts.announce();
  const sync = new Synchroniser({
    storage,
    store: new OperationStore(database, () => crypto.randomUUID()),
    drafts,
    send: () => new Promise(() => undefined),
    load: async () => server.current(),
    locks: new TabLocks(),
    writer,
    channel: null,
    onError: (error) => expect.unreachable(String(error)),
    onMarkRefused: (imageId) => expect.unreachable(`mark of ${imageId}`),
  });
  const die = () => {
    for (const name of living.held) if (!before.has(name)) living.held.delete(name);
  };
  return { open: () => sync.openImage(server.current()), die };
}

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: 10_000 });
  storage = await LastingDatabase.open(`drafts ${crypto.randomUUID()}`);
  ({ database } = storage);
  living = new Living();
});

afterEach(() => {
  vi.useRealTimers();
  database.close();
});

it("is found as it was by the next tab when its own has died; the time between does not count as work", async () => {
  const tab = await openTab();
  const image = await tab.open();
  await image.record([], drawn("11"));
  await image.record([], drawn("22"));
  tab.die();
  vi.setSystemTime(1_000_000);
  const { draft } = await (await openTab()).open();
  expect(draft).toEqual({ ...drawn("22"), startedAt: 5_000 + 990_000 });
});

it("is not taken from a tab that lives, and by one only from a tab that is gone", async () => {
  const tab = await openTab();
  await (await tab.open()).record([], drawn("11"));
  const second = await openTab();
  expect((await second.open()).draft).toBeNull();
  tab.die();
  const third = await openTab();
  const found = await Promise.all([second.open(), third.open()]);
  expect(found.filter(({ draft }) => draft !== null)).toHaveLength(1);
});

it("is there when its own tab comes back to the image", async () => {
  const tab = await openTab();
  await (await tab.open()).record([], drawn("11"));
  expect((await tab.open()).draft?.edited?.counts).toBe("11");
});

it("is gone in the same moment in which it is kept as an annotation", async () => {
  const tab = await openTab();
  const image = await tab.open();
  await image.record([], drawn("11"));
  vi.spyOn(OperationStore.prototype, "queued").mockImplementationOnce(() => {
    throw new Error("the tab dies here");
  });
  await expect(image.record([accepted], null)).rejects.toThrow("dies");
  tab.die();
  const next = await openTab();
  const again = await next.open();
  expect([again.draft?.edited?.counts, again.annotations()]).toEqual(["11", []]);
  await again.record([accepted], null);
  next.die();
  const last = await (await openTab()).open();
  expect([last.draft, last.annotations().map(({ uid }) => uid)]).toEqual([null, ["a"]]);
});

it("leaves nothing behind once it is kept as an annotation or dropped", async () => {
  const tab = await openTab();
  const image = await tab.open();
  for (const step of [[accepted], []]) {
    await image.record([], drawn("11"));
    expect(await database.count("drafts")).toBe(1);
    await image.record(step, null);
    expect(await database.count("drafts")).toBe(0);
  }
});

it("is found whatever its person was called: the database is one person's", async () => {
  const old = {
    imageId: server.current().image_id,
    writer: "gone",
    user: "ann",
    draft: drawn("11"),
    kept: 10_000,
  };
  await database.put("drafts", old); // as it was written when rows named who drew them
  expect((await (await openTab()).open()).draft?.edited?.counts).toBe("11");
});

it("leaves every draft of several tabs that died to somebody", async () => {
  const tabs = await Promise.all([openTab(), openTab()]);
  for (const [index, counts] of ["11", "22"].entries()) {
    await (await tabs[index]!.open()).record([], drawn(counts));
    vi.setSystemTime(Date.now() + 1000);
  }
  living.held.clear();
  const found: (string | undefined)[] = [];
  for (let index = 0; index < 3; index++) found.push((await (await openTab()).open()).draft?.edited?.counts);
  expect(found).toEqual(["22", "11", undefined]);
});
