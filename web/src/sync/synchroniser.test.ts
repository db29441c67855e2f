import "fake-indexeddb/auto";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AnnotationContent, ImageState, MarkOperation, Operation } from "../api/types.ts";
import type { SyncDatabase } from "./database.ts";
import { Drafts } from "./drafts.ts";
import { FakeServer } from "./fake-server.test-support.ts";
import { LastingDatabase } from "./lasting-database.ts";
import { type Locks, type Presence, TabLocks } from "./locks.ts";
import type { SyncState } from "./status.ts";
import { OperationStore } from "./store.ts";
import { Synchroniser } from "./synchroniser.ts";

const content = (counts: string, category: number | null = 1): AnnotationContent => ({
  category_id: category,
  segmentation: { size: [4, 4], counts },
  iscrowd: 0,
  attributes: {},
  provenance: null,
});
const create = (uid: string, counts = "00"): Operation => ({ kind: "create", uid, ...content(counts) });
const recolour = (uid: string, category_id: number): Operation => ({
  kind: "update",
  uid,
  changes: { category_id },
});
const repaint = (uid: string, counts: string): Operation => ({
  kind: "update",
  uid,
  changes: { segmentation: { size: [4, 4], counts } },
});
const marked = (state: ImageState, note = ""): MarkOperation => ({
  kind: "mark",
  uid: crypto.randomUUID(),
  state,
  note,
});

class Tab {
  state: SyncState = { phase: "saved", waiting: 0, atRisk: false, conflicts: [], message: "" };
  signedOut = 0;
  errors: unknown[] = [];
  /** Marks that the server would not take: image, state, code. */
  refused: unknown[][] = [];
  user = "ann";
  readonly drafts: Drafts;
  readonly sync: Synchroniser;

  constructor(
    server: FakeServer,
    storage: LastingDatabase,
    locks: Pick<Locks, "exclusive">,
    channel: BroadcastChannel | null = null,
    presence: Presence = new TabLocks(),
  ) {
    const writer = crypto.randomUUID();
    const { database } = storage;
    this.drafts = new Drafts({ database, presence, writer, user: () => this.user });
    this.sync = new Synchroniser({
      storage,
      store: new OperationStore(database, () => crypto.randomUUID()),
      send: server.client.sendOperation,
      load: (imageId) => server.client.annotations(imageId),
      locks,
      drafts: this.drafts,
      writer,
      channel,
      onSignedOut: () => this.signedOut++,
      onMarkRefused: (imageId, { state }, { code }) => this.refused.push([imageId, state, code]),
      onError: (error) => this.errors.push(error),
      onState: (state) => {
        this.state = state;
      },
      backoff: () => 2 ** 30, // retried by hand
    });
  }
}

let name: string;
let storage: LastingDatabase;
let database: SyncDatabase;
let server: FakeServer;
let locks: Locks;
let tab: Tab;

beforeEach(async () => {
  name = `sync ${crypto.randomUUID()}`;
  storage = await LastingDatabase.open(name);
  ({ database } = storage);
  server = new FakeServer();
  locks = new TabLocks();
  tab = new Tab(server, storage, locks);
});

afterEach(async () => {
  vi.restoreAllMocks();
  await tab.sync.settled();
  vi.useRealTimers();
  database.close();
});

const open = (who = tab) => who.sync.openImage(server.current());
const masks = () => server.current().annotations.map((each) => [each.uid, each.segmentation.counts]);
const categories = () => server.current().annotations.map((each) => [each.uid, each.category_id]);

describe("a queue with a good connection", () => {
  it("sends operations in the order in which they were made, each on the revision of the one before", async () => {
    const image = await open();
    const made = [create("a"), create("b"), recolour("a", 2), recolour("a", 3), { kind: "delete", uid: "b" }];
    for (const operation of made as Operation[]) void image.record([operation]);
    await vi.waitFor(() => expect(server.revision).toBe(5));
    await tab.sync.settled();
    expect(categories()).toEqual([["a", 3]]);
    expect(tab.state).toMatchObject({ phase: "saved", waiting: 0, conflicts: [] });
    expect(server.requests).toBe(5);
  });

  it("stays short behind a fast brush: a mask that was not sent yet takes in the next one", async () => {
    server.store(create("a"));
    server.store(create("b"));
    const image = await open();
    const recorded = [];
    for (let stroke = 1; stroke <= 50; stroke++) {
      recorded.push(image.record([repaint("a", `+${stroke}`), repaint("b", `-${stroke}`)]));
    }
    await Promise.all(recorded);
    expect(tab.state.waiting).toBeLessThan(5);
    await tab.sync.settled();
    expect(masks()).toEqual([
      ["a", "+50"],
      ["b", "-50"],
    ]);
    expect(server.requests).toBeLessThan(8);
    expect(tab.state).toMatchObject({ phase: "saved", waiting: 0, conflicts: [] });
  });

  it("never says saved while an operation is on its way to the disk", async () => {
    const image = await open();
    const recorded = image.record([create("a")]);
    expect(tab.state).toMatchObject({ phase: "saving", atRisk: true });
    await recorded;
    await tab.sync.settled();
    expect(tab.state).toMatchObject({ phase: "saved", waiting: 0, atRisk: false });
  });

  it("counts as waiting only what is on the disk: the tab may be closed then", async () => {
    const image = await open();
    server.weather = "offline";
    await image.record([create("a")]);
    await tab.sync.settled();
    const recorded = image.record([create("b")]);
    expect(tab.state).toMatchObject({ phase: "offline", waiting: 1, atRisk: true });
    await recorded;
    expect(tab.state).toMatchObject({ phase: "offline", waiting: 2, atRisk: false });
  });

  it("sends what is added while a round of sending comes to its end", async () => {
    const state: { atTheEnd: (() => Promise<void>) | null } = { atTheEnd: null };
    const slow: Pick<Locks, "exclusive"> = {
      async exclusive(_name, work) {
        const result = await work();
        await state.atTheEnd?.();
        return result;
      },
    };
    const other = new Tab(server, storage, slow);
    const image = await open(other);
    state.atTheEnd = async () => {
      state.atTheEnd = null;
      await image.record([create("b")]);
    };
    await image.record([create("a")]);
    await other.sync.settled();
    expect(categories()).toEqual([
      ["a", 1],
      ["b", 1],
    ]);
  });

  it("says when somebody else's change cannot be fetched, and goes on", async () => {
    const image = await open();
    server.store(create("theirs"));
    server.weather = "offline";
    await tab.sync.notice(image.imageId, server.revision);
    expect(tab.errors).toEqual([expect.objectContaining({ code: "no_answer" })]);
    server.weather = "fine";
    await tab.sync.notice(image.imageId, server.revision);
    expect(image.annotations().map((each) => each.uid)).toEqual(["theirs"]);
  });

  it("restores what was deleted, with its content", async () => {
    const image = await open();
    await image.record([create("a")]);
    await image.record([{ kind: "delete", uid: "a" }]);
    expect(image.annotations()).toEqual([]);
    await image.record([{ kind: "restore", uid: "a" }]);
    await tab.sync.settled();
    expect(categories()).toEqual([["a", 1]]);
    expect(image.annotations()[0]).toMatchObject({ uid: "a", id: 1 });
  });

  it("refuses an operation on an annotation that the image does not have", async () => {
    const image = await open();
    await expect(image.record([recolour("nobody", 2)])).rejects.toThrow(/nobody/);
  });
});

describe("a state of the server that comes late", () => {
  it("does not take away what was acknowledged meanwhile", async () => {
    const image = await open();
    server.store(create("theirs"));
    const stale = server.current();
    vi.spyOn(server.client, "annotations").mockImplementationOnce(async () => {
      await image.record([create("a")]); // its revision is refused, the answer brings theirs in, the second try is stored
      await vi.waitFor(() => expect(image.revision).toBe(2));
      return stale;
    });
    await tab.sync.notice(image.imageId, server.revision);
    expect(image.annotations().map((each) => each.uid)).toContain("a");
    await tab.sync.settled();
    expect(categories()).toContainEqual(["a", 1]);
  });

  it("does not take away what is recorded while the queue is read", async () => {
    const image = await open();
    server.weather = "offline";
    const recorded: Promise<void>[] = [];
    const { ofImage } = OperationStore.prototype;
    vi.spyOn(OperationStore.prototype, "ofImage").mockImplementationOnce(async function (
      this: OperationStore,
      imageId,
    ) {
      const rows = await ofImage.call(this, imageId);
      recorded.push(image.record([create("a")]));
      return rows;
    });
    vi.spyOn(server.client, "annotations").mockResolvedValueOnce({ ...server.current(), revision: 1 });
    await tab.sync.notice(image.imageId, 1);
    await Promise.all(recorded);
    expect(image.annotations().map((each) => each.uid)).toEqual(["a"]);
  });

  it("is asked for again when something newer was heard of before the image was open", async () => {
    const current = server.current(); // on its way
    server.store(create("theirs"));
    await tab.sync.notice(server.imageId, server.revision);
    const image = await tab.sync.openImage(current);
    await vi.waitFor(() => expect(image.annotations().map((each) => each.uid)).toEqual(["theirs"]));
  });

  it("is asked for again when an image is opened with it", async () => {
    const stale = server.current();
    const earlier = await open();
    await earlier.record([create("a")]);
    await tab.sync.settled();
    tab.sync.closeImage(earlier);
    const image = await tab.sync.openImage(stale);
    expect(image.annotations().map((each) => each.uid)).toEqual(["a"]);
  });
});

describe("a browser that refuses to keep an operation", () => {
  it("takes it back, and says so to whoever recorded it", async () => {
    const image = await open();
    await image.record([create("a")]);
    await tab.sync.settled();
    vi.spyOn(OperationStore.prototype, "append").mockRejectedValueOnce(new Error("no space"));
    await expect(image.record([recolour("a", 2)])).rejects.toThrow("no space");
    expect(image.annotations().map((each) => each.category_id)).toEqual([1]);
    expect(categories()).toEqual([["a", 1]]);
  });
});

describe("a browser that closes its storage", () => {
  const cleared = () =>
    new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(name);
      request.onsuccess = resolve;
      request.onerror = reject;
    });

  it("is given again what the server does not have, once", async () => {
    const image = await open();
    await image.record([create("sent")]);
    await tab.sync.settled();
    server.weather = "offline";
    await image.record([create("a")]);
    await image.recordMark(marked("submitted"));
    await tab.sync.settled();
    await cleared();
    await vi.waitFor(() => expect(tab.state).toMatchObject({ phase: "offline", waiting: 2 }));
    server.weather = "fine";
    await tab.sync.flush();
    await tab.sync.settled();
    expect(categories().map(([uid]) => uid)).toEqual(["sent", "a"]);
    expect([server.log.length, server.marks]).toEqual([3, ["submitted"]]);
    expect([tab.state.phase, tab.errors]).toEqual(["saved", []]);
  });

  it("is given again what several operations became", async () => {
    server.store(create("a"));
    const image = await open();
    server.weather = "offline";
    await image.record([create("b")]);
    await tab.sync.settled();
    for (const counts of ["2", "3", "4"]) await image.record([repaint("a", counts)]);
    await cleared();
    await vi.waitFor(() => expect(tab.state).toMatchObject({ phase: "offline", waiting: 2 }));
    server.weather = "fine";
    await tab.sync.flush();
    await tab.sync.settled();
    expect(masks()).toEqual([
      ["a", "4"],
      ["b", "00"],
    ]);
    expect(server.log).toHaveLength(2);
  });

  it("says so as long as it stays closed, loses nothing that is done meanwhile, and sends it afterwards", async () => {
    const image = await open();
    const refused = vi.spyOn(indexedDB, "open").mockImplementation(() => {
      throw new Error("no storage");
    });
    await cleared();
    await vi.waitFor(() => expect(String(tab.errors[0])).toContain("no storage"));
    await image.record([create("a")]);
    await image.record([recolour("a", 5)]);
    await image.recordMark(marked("submitted"));
    await tab.sync.notice(server.imageId, server.revision);
    expect(tab.state).toMatchObject({ phase: "unkept", waiting: 3, atRisk: true });
    expect(image.annotations().map((each) => each.category_id)).toEqual([5]);
    refused.mockRestore();
    await vi.waitFor(() => expect(server.marks).toEqual(["submitted"]), 5000);
    expect(categories()).toEqual([["a", 5]]);
    await tab.sync.settled();
    expect(tab.state).toMatchObject({ phase: "saved", waiting: 0 });
  });

  it("is not said to keep anything before it has taken what was made meanwhile", async () => {
    const image = await open();
    const refused = vi.spyOn(indexedDB, "open").mockImplementation(() => {
      throw new Error("no storage");
    });
    await cleared();
    await image.record([create("a")]);
    const append = vi
      .spyOn(OperationStore.prototype, "append")
      .mockRejectedValueOnce(new Error("it is full"));
    refused.mockRestore();
    await vi.waitFor(() => expect(append).toHaveBeenCalled(), 5000);
    expect(tab.state).toMatchObject({ phase: "unkept", waiting: 1, atRisk: true });
    await vi.waitFor(() => expect(categories().map(([uid]) => uid)).toEqual(["a"]), 5000);
    await tab.sync.settled();
    expect(tab.state).toMatchObject({ phase: "saved", atRisk: false });
  });

  it("is not given again what became one operation and was sent", async () => {
    server.store(create("a"));
    const image = await open();
    const refused = vi.spyOn(indexedDB, "open").mockImplementation(() => {
      throw new Error("no storage");
    });
    await cleared();
    for (const counts of ["2", "3"]) await image.record([repaint("a", counts)]);
    refused.mockRestore();
    await vi.waitFor(() => expect(masks()).toEqual([["a", "3"]]), 5000);
    await tab.sync.settled();
    await image.record([repaint("a", "4")]);
    await tab.sync.settled();
    await cleared();
    await image.record([recolour("a", 7)]);
    await vi.waitFor(() => expect(categories()).toEqual([["a", 7]]), 5000);
    await tab.sync.settled();
    expect(masks()).toEqual([["a", "4"]]);
    expect(tab.state).toMatchObject({ phase: "saved", conflicts: [] });
  });

  it("does not bring back what was given up", async () => {
    server.store(create("a"));
    const image = await open();
    server.store(recolour("a", 8));
    await image.record([recolour("a", 2)]);
    await tab.sync.settled();
    await tab.sync.resolve(tab.state.conflicts[0]!, "theirs");
    await tab.sync.settled();
    await cleared();
    await vi.waitFor(() => expect(tab.state.phase).toBe("saved"));
    await tab.sync.settled();
    expect([categories(), tab.state.conflicts]).toEqual([[["a", 8]], []]);
  });
});

describe("a queue with a bad connection", () => {
  it("stores an operation once when its answer is lost", async () => {
    const image = await open();
    server.weather = "lose_answer";
    await image.record([create("a")]);
    await tab.sync.settled();
    expect(tab.state).toMatchObject({ phase: "offline", waiting: 1 });
    for (let retry = 0; retry < 4; retry++) {
      await tab.sync.flush();
      await tab.sync.settled();
    }
    server.weather = "fine";
    await image.record([recolour("a", 5)]);
    await tab.sync.flush();
    await tab.sync.settled();
    expect(server.log).toHaveLength(2);
    expect(categories()).toEqual([["a", 5]]);
    expect(tab.state.phase).toBe("saved");
  });

  it("leaves what was sent as it was: the server may have it", async () => {
    server.store(create("a"));
    const image = await open();
    server.weather = "lose_answer";
    await image.record([repaint("a", "2")]);
    await tab.sync.settled();
    for (const counts of ["3", "4", "5"]) await image.record([repaint("a", counts)]);
    const other = new Tab(server, storage, locks); // and what another tab has made stays apart
    await (await open(other)).record([repaint("a", "6")]);
    expect(await database.count("operations")).toBe(3);
    server.weather = "fine";
    await tab.sync.flush();
    await tab.sync.settled();
    expect(server.log).toHaveLength(3);
    expect(masks()).toEqual([["a", "6"]]);
    expect(tab.state).toMatchObject({ phase: "saved", conflicts: [] });
  });

  it("keeps 200 edits made offline and sends them in order, none twice", async () => {
    const image = await open();
    server.weather = "offline";
    for (let index = 0; index < 200; index++) await image.record([create(`uid ${index}`)]);
    await tab.sync.settled();
    expect(tab.state).toMatchObject({ phase: "offline", waiting: 200 });
    server.weather = "fine";
    await tab.sync.flush();
    await tab.sync.settled();
    expect(server.current().annotations.map((each) => each.uid)).toEqual(
      Array.from({ length: 200 }, (_, index) => `uid ${index}`),
    );
    expect(new Set(server.log).size).toBe(200);
    expect(server.log).toHaveLength(200);
  });

  it("retries by itself while the server is busy", async () => {
    const image = await open();
    server.weather = "busy";
    const patient = new Synchroniser({
      storage,
      store: new OperationStore(database, () => crypto.randomUUID()),
      send: server.client.sendOperation,
      load: (imageId) => server.client.annotations(imageId),
      locks,
      drafts: tab.drafts,
      writer: "patient",
      channel: null,
      onError: (error) => expect.unreachable(String(error)),
      onMarkRefused: (imageId) => expect.unreachable(`mark of ${imageId}`),
      backoff: () => 1,
    });
    await image.record([create("a")]);
    await patient.flush();
    await vi.waitFor(() => expect(server.requests).toBeGreaterThan(3));
    server.weather = "fine";
    await vi.waitFor(() => expect(server.revision).toBe(1));
    await patient.settled();
  });

  it("sends after a restart what an earlier tab left behind, and shows it meanwhile", async () => {
    server.store(create("old"));
    const image = await open();
    server.weather = "offline";
    await image.record([create("a")]);
    await image.record([recolour("old", 9)]);
    await tab.sync.settled();
    const reopened = new Tab(server, storage, locks);
    const seen = await open(reopened);
    expect(seen.annotations().map((each) => [each.uid, each.category_id])).toEqual([
      ["old", 9],
      ["a", 1],
    ]);
    await seen.record([recolour("a", 4)]);
    server.weather = "fine";
    await reopened.sync.flush();
    await reopened.sync.settled();
    expect(categories()).toEqual([
      ["old", 9],
      ["a", 4],
    ]);
    expect(reopened.state).toMatchObject({ phase: "saved", conflicts: [] });
  });

  it("waits for a new login without losing anything", async () => {
    const image = await open();
    server.weather = "signed_out";
    await image.record([create("a")]);
    await tab.sync.settled();
    expect(tab.signedOut).toBeGreaterThan(0);
    expect(tab.state).toMatchObject({ phase: "signed_out", waiting: 1 });
    server.weather = "fine";
    await tab.sync.flush();
    await tab.sync.settled();
    expect(categories()).toEqual([["a", 1]]);
  });
});

describe("an image that somebody else has changed", () => {
  it("goes on from their revision when they touched other annotations, and takes theirs in", async () => {
    server.store(create("a"));
    server.store(create("b"));
    const image = await open();
    const remote = vi.fn();
    image.onRemote = remote;
    server.store(recolour("b", 8));
    await image.record([recolour("a", 2)]);
    await tab.sync.settled();
    expect(categories()).toEqual([
      ["a", 2],
      ["b", 8],
    ]);
    expect(tab.state.conflicts).toEqual([]);
    await vi.waitFor(() => expect(remote).toHaveBeenCalled());
    expect(image.annotations().map((each) => each.category_id)).toEqual([2, 8]);
  });

  it("holds a change to an annotation that they changed too, and shows both", async () => {
    server.store(create("a"));
    const image = await open();
    server.store(recolour("a", 8));
    await image.record([recolour("a", 2)]);
    await image.record([create("mine")]);
    await tab.sync.settled();
    expect(categories()).toEqual([
      ["a", 8],
      ["mine", 1],
    ]);
    expect(tab.state).toMatchObject({ phase: "saved", waiting: 0 });
    const [conflict] = tab.state.conflicts;
    expect(conflict).toMatchObject({
      uid: "a",
      kind: "conflict",
      mine: { category_id: 2 },
      theirs: { category_id: 8 },
    });
    expect(image.annotations()[0]!.category_id).toBe(2);
  });

  it.each([
    ["mine", 2],
    ["theirs", 8],
  ] as const)("decides for %s", async (choice, expected) => {
    server.store(create("a"));
    const image = await open();
    server.store(recolour("a", 8));
    await image.record([recolour("a", 2)]);
    await tab.sync.settled();
    await tab.sync.resolve(tab.state.conflicts[0]!, choice);
    await tab.sync.settled();
    expect(categories()).toEqual([["a", expected]]);
    expect(image.annotations()[0]!.category_id).toBe(expected);
    expect(tab.state).toMatchObject({ phase: "saved", conflicts: [] });
  });

  it("brings an annotation back that they deleted, when the person keeps mine", async () => {
    server.store(create("a"));
    const image = await open();
    server.store({ kind: "delete", uid: "a" });
    await image.record([recolour("a", 2)]);
    await tab.sync.settled();
    expect(tab.state.conflicts[0]).toMatchObject({ theirs: null });
    await tab.sync.resolve(tab.state.conflicts[0]!, "mine");
    await tab.sync.settled();
    expect(categories()).toEqual([["a", 2]]);
  });

  it("is no conflict when both did the same", async () => {
    server.store(create("a"));
    const image = await open();
    server.store({ kind: "delete", uid: "a" });
    await image.record([{ kind: "delete", uid: "a" }]);
    await tab.sync.settled();
    expect(tab.state).toMatchObject({ phase: "saved", conflicts: [] });
    expect(categories()).toEqual([]);
  });

  it("never overwrites an edit that arrived between two of ours", async () => {
    server.store(create("a"));
    server.store(create("b"));
    const image = await open();
    server.store(recolour("b", 8));
    const first = image.record([recolour("a", 2)]);
    const second = image.record([recolour("b", 3)]);
    await Promise.all([first, second]);
    await tab.sync.settled();
    expect(categories()).toEqual([
      ["a", 2],
      ["b", 8],
    ]);
    expect(tab.state.conflicts.map((each) => each.uid)).toEqual(["b"]);
  });
});

describe("the order of annotations", () => {
  const moved = (uid: string, position: number): Operation => ({
    kind: "update",
    uid,
    changes: { position },
  });
  const order = (annotations: readonly { uid: string }[]) => annotations.map(({ uid }) => uid).join("");

  it("is the server's, with what waits here applied", async () => {
    for (const uid of ["a", "b", "c"]) server.store(create(uid));
    const image = await open();
    expect(order(image.annotations())).toBe("abc");
    server.weather = "offline";
    await image.record([moved("a", 9)]);
    expect(order(image.annotations())).toBe("bca");
    server.weather = "fine";
    await tab.sync.flush();
    await tab.sync.settled();
    expect(order(server.current().annotations)).toBe("bca");
  });

  it("is no matter of conflict: of two people's places for an annotation the later counts", async () => {
    for (const uid of ["a", "b", "c", "d"]) server.store(create(uid));
    const image = await open();
    let told = "";
    image.onRemote = (annotations) => {
      told = order(annotations);
    };
    server.store(moved("a", 9)); // on top
    server.store(recolour("b", 5));
    server.store({ kind: "delete", uid: "d" });
    await image.record([moved("a", -1), moved("b", 8), moved("d", 7)]);
    await tab.sync.settled();
    expect(tab.state.conflicts).toEqual([]);
    expect(order(server.current().annotations)).toBe("acb");
    expect(new Map(categories() as [string, number][]).get("b")).toBe(5);
    await vi.waitFor(() => expect(told).toBe("acb"));
  });

  it("is made of places as they are now, also where others changed those but not the order", async () => {
    for (const uid of ["a", "b", "c"]) server.store(create(uid));
    const image = await open();
    let places: (number | undefined)[] = [];
    image.onRemote = (annotations) => {
      places = annotations.map(({ position }) => position);
    };
    server.store(moved("c", 20));
    await tab.sync.notice(server.imageId, server.revision);
    expect(places.at(-1)).toBe(20); // whoever puts something on top of it now must know
    places = [];
    await Promise.all([image.record([moved("a", 30)]), image.record([moved("a", 40)])]);
    await tab.sync.settled();
    server.store(moved("b", 3));
    await tab.sync.notice(server.imageId, server.revision);
    expect(places).toEqual([3, 20, 40]);
  });

  it("is the newest one made here, also when the answer to an older one comes", async () => {
    server.store(create("a"));
    const image = await open();
    const seen: unknown[] = [];
    let second = Promise.resolve();
    server.afterStore = () => {
      server.afterStore = () => seen.push(image.annotations()[0]!.position); // the first answer has come
      second = image.record([moved("a", 40)]);
    };
    await image.record([moved("a", 30)]);
    await tab.sync.settled();
    await second;
    expect(seen).toEqual([40]);
  });

  it("is taken in from others", async () => {
    for (const uid of ["a", "b"]) server.store(create(uid));
    const image = await open();
    let told = "";
    image.onRemote = (annotations) => {
      told = order(annotations);
    };
    server.store(moved("a", 9));
    await tab.sync.notice(server.imageId, server.revision);
    expect(told).toBe("ba");
  });
});

describe("what this tab has not been shown yet", () => {
  it("is not overwritten by an edit made before the page took it in", async () => {
    server.store(create("a"));
    server.store(create("b"));
    const image = await open();
    tab.sync.closeImage(image); // news does not reach the page
    server.store(recolour("b", 8));
    await image.record([recolour("a", 2)]);
    await tab.sync.settled();
    await image.record([recolour("b", 3)]);
    await tab.sync.settled();
    expect(categories()).toEqual([
      ["a", 2],
      ["b", 8],
    ]);
    expect(tab.state.conflicts.map((each) => each.uid)).toEqual(["b"]);
  });

  it("is not overwritten by going on with an annotation that is held", async () => {
    server.store(create("a"));
    const image = await open();
    server.store(recolour("a", 8));
    await image.record([recolour("a", 2)]);
    await tab.sync.settled();
    await image.record([recolour("a", 5)]);
    await tab.sync.settled();
    expect(categories()).toEqual([["a", 8]]);
    expect(tab.state.conflicts).toMatchObject([{ mine: { category_id: 5 }, theirs: { category_id: 8 } }]);
  });

  it.each(["at once", "later"])(
    "is no conflict when the server only writes our own mask differently, %s",
    async (when) => {
      server.store(create("other"));
      const image = await open();
      server.afterStore = () => {
        server.afterStore = () => {};
        server.store(recolour("other", 8));
      };
      const first = image.record([create("a", "00 ")]);
      if (when === "later") {
        await first;
        await tab.sync.settled();
      }
      await image.record([recolour("a", 2)]);
      await first;
      await tab.sync.settled();
      expect(tab.state.conflicts).toEqual([]);
      expect(categories()).toEqual([
        ["other", 8],
        ["a", 2],
      ]);
    },
  );
});

describe("an operation that the server will never take", () => {
  it("is held and named, and the others go on", async () => {
    const image = await open();
    await image.record([{ kind: "create", uid: "poison", ...content("00", 404) }]);
    await image.record([recolour("poison", 2)]);
    await image.record([create("good")]);
    await tab.sync.settled();
    expect(categories()).toEqual([["good", 1]]);
    expect(tab.state.conflicts).toMatchObject([
      { uid: "poison", kind: "refused", problem: { code: "unknown_category" } },
    ]);
    await tab.sync.resolve(tab.state.conflicts[0]!, "theirs");
    expect(tab.state.conflicts).toEqual([]);
    expect(image.annotations().map((each) => each.uid)).toEqual(["good"]);
  });
});

describe("how far the work on the image is", () => {
  it("reaches the server after the edits before it, and is no annotation", async () => {
    const image = await open();
    await Promise.all([image.record([create("a")]), image.recordMark(marked("submitted"))]);
    await tab.sync.settled();
    expect(server.log).toHaveLength(2);
    expect([server.marks, categories()]).toEqual([["submitted"], [["a", 1]]]);
    expect(image.annotations().map((each) => each.uid)).toEqual(["a"]);
    expect(image.waitingMark).toBeNull();
    expect(tab.state).toMatchObject({ phase: "saved", waiting: 0, conflicts: [] });
  });

  it("survives being offline and a restart, and is known meanwhile", async () => {
    const image = await open();
    server.weather = "offline";
    await image.recordMark(marked("submitted"));
    await image.recordMark(marked("skipped", "blurry"));
    await tab.sync.settled();
    expect(tab.state).toMatchObject({ phase: "offline", waiting: 2 });
    const reopened = new Tab(server, storage, locks);
    expect((await open(reopened)).waitingMark).toMatchObject({ state: "skipped", note: "blurry" });
    server.weather = "fine";
    await reopened.sync.flush();
    await reopened.sync.settled();
    expect(server.marks).toEqual(["skipped"]);
  });

  it("is said once when it is said again before it was sent", async () => {
    const image = await open();
    server.weather = "offline";
    await image.record([create("a")]);
    await tab.sync.settled();
    await image.recordMark(marked("submitted"));
    await image.recordMark(marked("skipped", "blurry"));
    expect(image.waitingMark).toMatchObject({ state: "skipped" });
    server.weather = "fine";
    await tab.sync.flush();
    await tab.sync.settled();
    expect(server.marks).toEqual(["skipped"]);
    expect(image.waitingMark).toBeNull();
  });

  it("is sent once when its answer is lost, and on top of what others did meanwhile", async () => {
    const image = await open();
    server.store(create("theirs"));
    server.weather = "lose_answer";
    await image.recordMark(marked("submitted"));
    await tab.sync.settled();
    server.weather = "fine";
    for (let retry = 0; retry < 3; retry++) {
      await tab.sync.flush();
      await tab.sync.settled();
    }
    expect(server.marks).toEqual(["submitted"]);
    expect(image.annotations().map((each) => each.uid)).toEqual(["theirs"]);
    expect(tab.state).toMatchObject({ phase: "saved", conflicts: [] });
  });

  it("is taken back when the browser cannot keep it", async () => {
    const image = await open();
    vi.spyOn(OperationStore.prototype, "append").mockRejectedValueOnce(new Error("no space"));
    await expect(image.recordMark(marked("submitted"))).rejects.toThrow("no space");
    expect(image.waitingMark).toBeNull();
  });

  it("is taken back in every tab when the server says no, and what it said before is told", async () => {
    server.store(marked("submitted"));
    const [channel, heard] = [0, 1].map(() => new BroadcastChannel(`refused ${server.imageId}`));
    const other = new Tab(server, storage, locks, heard);
    const here = new Tab(server, storage, locks, channel);
    const image = await open(here);
    const told = vi.fn();
    image.onMark = told;
    server.weather = "offline";
    await image.recordMark(marked("skipped", "refuse me"));
    await here.sync.settled();
    const elsewhere = await open(other);
    expect(elsewhere.waitingMark).toMatchObject({ state: "skipped" });
    server.weather = "fine";
    await here.sync.flush();
    await here.sync.settled();
    expect(here.refused).toEqual([[server.imageId, "skipped", "invalid_input"]]);
    expect(image.waitingMark).toBeNull();
    await vi.waitFor(() =>
      expect(told).toHaveBeenLastCalledWith(expect.objectContaining({ state: "submitted" })),
    );
    await vi.waitFor(() => expect(elsewhere.waitingMark).toBeNull());
    await image.record([create("a")]); // and work goes on
    await here.sync.settled();
    expect(categories()).toEqual([["a", 1]]);
    expect(here.state).toMatchObject({ phase: "saved", waiting: 0, conflicts: [] });
    channel!.close();
    heard!.close();
  });

  it.each(["mine", "theirs"] as const)(
    "waits while an edit is held, and goes out after it: %s",
    async (choice) => {
      server.store(create("a"));
      const image = await open();
      server.store(recolour("a", 8));
      await Promise.all([image.record([recolour("a", 2)]), image.recordMark(marked("submitted"))]);
      await tab.sync.settled();
      expect(server.marks).toEqual([]);
      expect(tab.state).toMatchObject({
        waiting: 0,
        conflicts: [{ uid: "a", mark: { state: "submitted" } }],
      });
      await image.record([create("b")]); // an edit need not wait
      await tab.sync.settled();
      expect(categories().map(([uid]) => uid)).toEqual(["a", "b"]);
      expect(server.marks).toEqual([]);
      let colour: unknown;
      server.afterStore = () => {
        if (server.marks.length > 0) colour ??= categories()[0]![1];
      };
      await tab.sync.resolve(tab.state.conflicts[0]!, choice);
      await tab.sync.settled();
      expect([server.marks, colour]).toEqual([["submitted"], choice === "mine" ? 2 : 8]);
      expect(tab.state).toMatchObject({ phase: "saved", waiting: 0, conflicts: [] });
    },
  );

  it("waits too while the server refuses an edit, over a restart", async () => {
    const image = await open();
    await image.record([{ kind: "create", uid: "poison", ...content("00", 404) }]);
    await image.recordMark(marked("submitted"));
    const reopened = new Tab(server, storage, locks);
    await reopened.sync.flush();
    await Promise.all([tab.sync.settled(), reopened.sync.settled()]);
    expect([server.marks, reopened.state.conflicts]).toMatchObject([[], [{ uid: "poison" }]]);
    await reopened.sync.resolve(reopened.state.conflicts[0]!, "theirs");
    await reopened.sync.settled();
    expect(server.marks).toEqual(["submitted"]);
  });

  it("is caught up with the annotations after a gap in the events", async () => {
    const image = await open();
    const told = vi.fn();
    image.onMark = told;
    server.store(marked("skipped", "blurry"));
    await tab.sync.notice(server.imageId, Number.MAX_SAFE_INTEGER);
    expect(told).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ state: "skipped" }));
  });

  it("is not overruled by what the server knows while it is on its way", async () => {
    const image = await open();
    const told = vi.fn();
    image.onMark = told;
    server.store(marked("skipped", "blurry"));
    server.weather = "busy";
    await image.recordMark(marked("submitted"));
    await tab.sync.settled();
    vi.spyOn(server.client, "annotations").mockResolvedValueOnce(server.current());
    await tab.sync.notice(server.imageId, server.revision);
    expect(told).not.toHaveBeenCalled();
    expect(image.waitingMark).toMatchObject({ state: "submitted" });
  });
});

describe("two tabs on one image", () => {
  it("store every operation once, and a clash is held", async () => {
    server.store(create("a"));
    const other = new Tab(server, storage, locks);
    const [here, there] = [await open(), await open(other)];
    await Promise.all([
      here.record([recolour("a", 2)]),
      there.record([recolour("a", 3)]),
      there.record([create("b")]),
    ]);
    await tab.sync.flush();
    await other.sync.flush();
    await Promise.all([tab.sync.settled(), other.sync.settled()]);
    expect(server.log).toHaveLength(2);
    expect(new Set(categories().map(([uid]) => uid))).toEqual(new Set(["a", "b"]));
    expect((await new OperationStore(database, String).overview()).conflicts).toHaveLength(1);
  });
});

describe("any mixture of edits, losses and retries", () => {
  it("ends with the server and the page agreeing, and nothing stored twice", async () => {
    const step = fc.record({
      kind: fc.constantFrom("create", "update", "repaint", "delete", "restore"),
      uid: fc.constantFrom("a", "b", "c"),
      category: fc.integer({ min: 1, max: 9 }),
      weather: fc.constantFrom("fine", "offline", "lose_answer", "busy"),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        server = new FakeServer();
        const fresh = await LastingDatabase.open(`sync ${crypto.randomUUID()}`);
        const page = new Tab(server, fresh, locks);
        const image = await open(page);
        let [made, masksMade] = [0, 0];
        for (const { kind, uid, category, weather } of steps) {
          server.weather = weather as FakeServer["weather"];
          const present = image.annotations().some((each) => each.uid === uid);
          if (present === (kind === "create" || kind === "restore")) continue;
          const all = {
            create: create(uid),
            update: recolour(uid, category),
            repaint: repaint(uid, `${category}`),
            delete: { kind, uid },
            restore: { kind, uid },
          };
          const known = await image.record([all[kind as keyof typeof all] as Operation]).then(
            () => true,
            () => false, // a restore of what never was
          );
          made += known ? 1 : 0;
          masksMade += known && kind === "repaint" ? 1 : 0;
        }
        await page.sync.settled();
        server.weather = "fine";
        await page.sync.flush();
        await page.sync.settled();
        expect(new Set(server.log).size).toBe(server.log.length);
        expect(server.log.length).toBeLessThanOrEqual(made);
        expect(server.log.length).toBeGreaterThanOrEqual(made - masksMade); // only these can be taken in by another
        const facts = (each: AnnotationContent & { uid: string }) =>
          [each.uid, each.category_id, each.segmentation.counts].join(" ");
        expect(server.current().annotations.map(facts).sort()).toEqual(image.annotations().map(facts).sort());
        fresh.database.close();
      }),
      { numRuns: 30 },
    );
  });
});
