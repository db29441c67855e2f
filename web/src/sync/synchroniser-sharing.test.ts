import { describe, expect, it, vi } from "vitest";
import type { Operation } from "../api/types.ts";
import { OperationStore } from "./store.ts";
import {
  categories,
  create,
  database,
  locks,
  open,
  recolour,
  server,
  storage,
  Tab,
  tab,
} from "./synchroniser.test-support.ts";

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
