/** Of several marks of one image the last one counts, and it alone is sent. */
import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { ImageState, MarkOperation, Operation } from "../api/types.ts";
import { Drafts } from "./drafts.ts";
import { FakeServer } from "./fake-server.test-support.ts";
import { LastingDatabase } from "./lasting-database.ts";
import { TabLocks } from "./locks.ts";
import type { SendOperation } from "./sender.ts";
import type { SyncState } from "./status.ts";
import { OperationStore } from "./store.ts";
import { Synchroniser } from "./synchroniser.ts";

const create = (uid: string): Operation => ({
  kind: "create",
  uid,
  category_id: 1,
  segmentation: { size: [4, 4], counts: "00" },
  iscrowd: 0,
  attributes: {},
  provenance: null,
});
const recolour = (uid: string, category_id: number): Operation => ({
  kind: "update",
  uid,
  changes: { category_id },
});
const marked = (state: ImageState, note = ""): MarkOperation => ({
  kind: "mark",
  uid: crypto.randomUUID(),
  state,
  note,
});

let name: string;
let server: FakeServer;
let locks: TabLocks;
let tabs: Tab[];

/** A tab of one browser on the image. */
class Tab {
  state!: SyncState;
  readonly refused: ImageState[] = [];
  readonly errors: unknown[] = [];
  private readonly channel = new BroadcastChannel(name);
  readonly sync: Synchroniser;

  constructor(
    private readonly storage: LastingDatabase,
    send: SendOperation,
  ) {
    const writer = crypto.randomUUID();
    const { database } = storage;
    this.sync = new Synchroniser({
      storage,
      store: new OperationStore(database, () => crypto.randomUUID()),
      drafts: new Drafts({ database, presence: new TabLocks(), writer }),
      send,
      load: (imageId) => server.client.annotations(imageId),
      locks,
      writer,
      channel: this.channel,
      onMarkRefused: (_image, { state }) => this.refused.push(state),
      onError: (error) => this.errors.push(error),
      onState: (state) => {
        this.state = state;
      },
      backoff: () => 2 ** 30, // retried by hand
    });
  }

  open = () => this.sync.openImage(server.current());

  close(): void {
    this.channel.close();
    this.storage.database.close();
  }
}

async function newTab(send: SendOperation = server.client.sendOperation): Promise<Tab> {
  const tab = new Tab(await LastingDatabase.open(name), send);
  tabs.push(tab);
  return tab;
}

beforeEach(() => {
  name = `marks ${crypto.randomUUID()}`;
  server = new FakeServer();
  locks = new TabLocks();
  tabs = [];
});

afterEach(async () => {
  vi.restoreAllMocks();
  await settled();
  for (const tab of tabs) tab.close();
  expect(tabs.flatMap(({ errors }) => errors)).toEqual([]);
});

async function settled(): Promise<void> {
  for (const { sync } of tabs) await sync.settled();
}

async function online(): Promise<void> {
  server.weather = "fine";
  for (const { sync } of tabs) await sync.flush();
  await settled();
}

/** A network that answers when it is told to. */
function slowly() {
  let answer: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (answer = resolve));
  const sent = vi.fn<SendOperation>(async (request) => {
    await held;
    return await server.client.sendOperation(request);
  });
  return { sent, answer: () => answer() };
}

it("is sent after what any tab has done", async () => {
  const [here, there] = [await newTab(), await newTab()];
  const [one, two] = [await here.open(), await there.open()];
  server.weather = "offline";
  await one.recordMark(marked("submitted"));
  await settled();
  await one.record([create("a")]);
  await two.recordMark(marked("skipped", "blurry"));
  await two.record([create("b")]);
  await settled();
  await online();
  expect([server.marks, server.log.length]).toEqual([["skipped"], 3]);
  expect(server.current().annotations.map(({ uid }) => uid)).toEqual(["a", "b"]);
  await vi.waitFor(() => expect([one.waitingMark, two.waitingMark]).toEqual([null, null]));
  expect(there.state).toMatchObject({ phase: "saved", waiting: 0, conflicts: [] });
});

it("is sent on top of an earlier one that the server has got though nobody heard, which is not sent again", async () => {
  const tab = await newTab();
  const image = await tab.open();
  server.weather = "lose_answer";
  await image.recordMark(marked("submitted"));
  await settled();
  server.store(create("theirs"));
  server.weather = "offline";
  await image.recordMark(marked("skipped", "blurry"));
  await settled();
  const before = server.requests;
  await online();
  expect(server.marks).toEqual(["submitted", "skipped"]);
  expect(server.requests - before).toBe(2); // once on an old revision, once on the new one
  expect(image.waitingMark).toBeNull();
  expect(tab.state).toMatchObject({ phase: "saved", waiting: 0, conflicts: [] });
});

it("waits for the answer to one that is on its way", async () => {
  const { sent, answer } = slowly();
  const image = await (await newTab(sent)).open();
  await image.recordMark(marked("submitted"));
  await vi.waitFor(() => expect(sent).toHaveBeenCalled());
  await image.recordMark(marked("skipped", "blurry"));
  await image.recordMark(marked("waiting"));
  answer();
  await settled();
  expect(server.marks).toEqual(["submitted", "waiting"]);
  expect(image.waitingMark).toBeNull();
});

it("goes out also when the one before, already on its way, is refused", async () => {
  const { sent, answer } = slowly();
  const tab = await newTab(sent);
  const image = await tab.open();
  await image.recordMark(marked("skipped", "refuse me"));
  await vi.waitFor(() => expect(sent).toHaveBeenCalled());
  await image.recordMark(marked("submitted"));
  answer();
  await settled();
  expect([tab.refused, server.marks, image.waitingMark]).toEqual([["skipped"], ["submitted"], null]);
});

it("waits behind a held edit", async () => {
  server.store(create("a"));
  const tab = await newTab();
  const image = await tab.open();
  server.store(recolour("a", 8));
  await image.record([recolour("a", 2)]);
  await settled();
  for (const state of ["submitted", "skipped", "submitted"] as const) {
    await image.recordMark(marked(state, "blurry"));
  }
  await settled();
  expect(server.marks).toEqual([]);
  expect(tab.state).toMatchObject({ waiting: 0, conflicts: [{ mark: { state: "submitted" } }] });
  await tab.sync.resolve(tab.state.conflicts[0]!, "mine");
  await settled();
  expect(server.marks).toEqual(["submitted"]);
});

it("is not overruled by an earlier one of another tab when the browser loses its storage", async () => {
  const [here, there] = [await newTab(), await newTab()];
  const [one, two] = [await here.open(), await there.open()];
  server.weather = "offline";
  await one.recordMark(marked("submitted"));
  await settled();
  await two.recordMark(marked("skipped", "blurry"));
  await there.sync.flush(); // the earlier one is superseded
  await settled();
  await new Promise((resolve) => {
    indexedDB.deleteDatabase(name).onsuccess = resolve;
  });
  await vi.waitFor(() => expect(tabs.map(({ state }) => state.waiting)).toEqual([1, 1]));
  await online();
  expect(server.marks).toEqual(["skipped"]);
});
