import { describe, expect, it, vi } from "vitest";
import { OperationStore } from "./store.ts";
import {
  categories,
  create,
  database,
  marked,
  masks,
  name,
  open,
  recolour,
  repaint,
  server,
  tab,
} from "./synchroniser.test-support.ts";

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

describe("what is kept", () => {
  it("is forced to the disk: when it is kept, answered, and sent again after somebody else's change", async () => {
    const image = await open();
    const asked = vi.spyOn(database, "transaction");
    const demanded = () => {
      const writing = asked.mock.calls.filter(
        ([stores, mode]) => mode === "readwrite" && stores.length === 3,
      );
      asked.mockClear();
      return writing.map(([, , options]) => options?.durability);
    };
    server.weather = "offline";
    await image.record([create("a")]);
    await tab.sync.settled();
    expect(demanded()).toEqual(["strict"]);
    server.weather = "fine";
    server.store(create("theirs"));
    await tab.sync.flush();
    await tab.sync.settled();
    expect(categories().map(([uid]) => uid)).toEqual(["theirs", "a"]);
    expect(demanded()).toEqual(["strict", "strict"]); // the new revision, then the answer
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
