import { describe, expect, it } from "vitest";
import {
  categories,
  content,
  create,
  masks,
  open,
  recolour,
  repaint,
  server,
  tab,
} from "./synchroniser.test-support.ts";

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

  it("is sent again as the object is now: what was wrong may have been put right", async () => {
    const image = await open();
    await image.record([{ kind: "create", uid: "a", ...content("00", 404) }]);
    await tab.sync.settled();
    expect(tab.state.conflicts).toMatchObject([{ uid: "a", kind: "refused", isNew: true }]);
    await image.record([recolour("a", 2)]);
    await image.record([repaint("a", "01")]);
    await tab.sync.resolve(tab.state.conflicts[0]!, "mine");
    await tab.sync.settled();
    expect(tab.state.conflicts).toEqual([]);
    expect(categories()).toEqual([["a", 2]]);
    expect(masks()).toEqual([["a", "01"]]);
  });

  it("is also a change of an object that is there: what was drawn after it goes along when it is put right", async () => {
    const image = await open();
    await image.record([create("a")]);
    await tab.sync.settled();
    await image.record([recolour("a", 404)]);
    await image.record([repaint("a", "01")]);
    await tab.sync.settled();
    expect(tab.state.conflicts).toMatchObject([{ uid: "a", kind: "refused", isNew: false }]);
    expect([categories(), masks()]).toEqual([[["a", 1]], [["a", "00"]]]);
    await image.record([recolour("a", 3)]);
    await tab.sync.resolve(tab.state.conflicts[0]!, "mine");
    await tab.sync.settled();
    expect(tab.state).toMatchObject({ phase: "saved", waiting: 0, conflicts: [] });
    expect([categories(), masks()]).toEqual([[["a", 3]], [["a", "01"]]]);
  });

  it("stays refused as it is: sent again without a change it is held again, not sent round and round", async () => {
    const image = await open();
    await image.record([{ kind: "create", uid: "a", ...content("00", 404) }]);
    await tab.sync.settled();
    const before = server.requests;
    await tab.sync.resolve(tab.state.conflicts[0]!, "mine");
    await tab.sync.settled();
    expect(server.requests).toBe(before + 1);
    expect(tab.state.conflicts).toMatchObject([
      { uid: "a", kind: "refused", problem: { code: "unknown_category" } },
    ]);
  });

  it("becomes a conflict when somebody else changed the object meanwhile, and is theirs or mine like any", async () => {
    const image = await open();
    await image.record([create("a")]);
    await tab.sync.settled();
    await image.record([recolour("a", 404)]);
    await tab.sync.settled();
    server.store(repaint("a", "11"));
    await image.record([recolour("a", 5)]);
    await tab.sync.resolve(tab.state.conflicts[0]!, "mine");
    await tab.sync.settled();
    expect(tab.state.conflicts).toMatchObject([{ uid: "a", kind: "conflict" }]);
    expect(categories()).toEqual([["a", 1]]);
    await tab.sync.resolve(tab.state.conflicts[0]!, "mine");
    await tab.sync.settled();
    expect(tab.state).toMatchObject({ phase: "saved", waiting: 0, conflicts: [] });
    expect([categories(), masks()]).toEqual([[["a", 5]], [["a", "00"]]]);
  });

  it.each(["forbidden", "gone"] as const)(
    "is kept while it is %s, and goes out when that is over",
    async (weather) => {
      const image = await open();
      await image.record([create("a")]);
      await tab.sync.settled();
      server.weather = weather;
      await image.record([{ kind: "delete", uid: "a" }]);
      await image.record([create("b")]);
      await tab.sync.settled();
      expect(tab.state.conflicts.map(({ uid, kind }) => [uid, kind])).toEqual([
        ["a", "refused"],
        ["b", "refused"],
      ]);
      server.weather = "fine";
      for (const conflict of tab.state.conflicts) await tab.sync.resolve(conflict, "mine");
      await tab.sync.settled();
      expect(tab.state).toMatchObject({ phase: "saved", waiting: 0, conflicts: [] });
      expect(categories()).toEqual([["b", 1]]);
    },
  );

  it("is forgotten when the object is gone here and was never there", async () => {
    const image = await open();
    await image.record([{ kind: "create", uid: "a", ...content("00", 404) }]);
    await tab.sync.settled();
    await image.record([{ kind: "delete", uid: "a" }]);
    await tab.sync.resolve(tab.state.conflicts[0]!, "mine");
    await tab.sync.settled();
    expect(tab.state).toMatchObject({ phase: "saved", waiting: 0, conflicts: [] });
    expect(server.log).toEqual([]);
  });

  it("is one that is called stale with the revision it named: it is not sent round and round", async () => {
    const image = await open();
    server.weather = "confused";
    await image.record([create("a")]);
    await tab.sync.settled();
    expect(server.requests).toBe(1);
    expect(tab.state.conflicts).toMatchObject([
      { uid: "a", kind: "refused", problem: { code: "stale_revision" } },
    ]);
  });
});
