import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { AnnotationContent, Operation } from "../api/types.ts";
import type { FakeServer } from "./fake-server.test-support.ts";
import { LastingDatabase } from "./lasting-database.ts";
import type { Locks } from "./locks.ts";
import { OperationStore } from "./store.ts";
import {
  categories,
  content,
  create,
  database,
  locks,
  marked,
  masks,
  open,
  recolour,
  repaint,
  replaceServer,
  server,
  storage,
  Tab,
  tab,
} from "./synchroniser.test-support.ts";
import { Synchroniser } from "./synchroniser.ts";

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

  it("restores what was deleted before the image was opened, once it is known", async () => {
    server.store(create("a"));
    server.store({ kind: "delete", uid: "a" });
    const image = await open();
    image.know({ uid: "a", ...content("00") });
    expect(image.annotations()).toEqual([]);
    await image.record([{ kind: "restore", uid: "a" }, recolour("a", 3)]);
    await tab.sync.settled();
    expect(categories()).toEqual([["a", 3]]);
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

  it("is asked for again when something of ours was acknowledged meanwhile, which says nothing of theirs", async () => {
    const image = await open();
    await image.record([create("a")]);
    await tab.sync.settled();
    server.weather = "offline";
    await image.record([recolour("a", 3)]);
    await image.recordMark(marked("submitted"));
    await tab.sync.settled();
    server.store(recolour("a", 4));
    server.weather = "fine";
    await tab.sync.flush();
    await tab.sync.settled();
    const [conflict] = tab.state.conflicts;
    const { revision } = image;
    vi.spyOn(server.client, "annotations").mockImplementationOnce(async () => {
      const stale = server.current(); // the mark is stored before this arrives
      await vi.waitFor(() => expect(image.revision).toBeGreaterThan(revision));
      return stale;
    });
    await tab.sync.resolve(conflict!, "theirs");
    expect(image.annotations()).toMatchObject([{ uid: "a", category_id: 4 }]);
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
        replaceServer();
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
