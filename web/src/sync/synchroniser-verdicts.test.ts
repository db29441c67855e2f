import { describe, expect, it } from "vitest";
import type { Operation } from "../api/types.ts";
import { categories, create, locks, open, server, storage, Tab, tab } from "./synchroniser.test-support.ts";

const verdict = (uid: string, refused = true): Operation => ({ kind: "verdict", uid, refused });

describe("what people think of suggestions", () => {
  it("reaches the server in its turn, and is no annotation", async () => {
    const image = await open();
    await image.record([create("a"), verdict("s")]);
    await tab.sync.settled();
    expect([[...server.verdicts], categories()]).toEqual([[["s", true]], [["a", 1]]]);
    expect(image.annotations().map((each) => each.uid)).toEqual(["a"]);
    expect(tab.state).toMatchObject({ phase: "saved", waiting: 0, conflicts: [] });
  });

  it("survives being offline and a restart, and is known meanwhile", async () => {
    const image = await open();
    server.weather = "offline";
    await image.record([verdict("s")]);
    await image.record([verdict("t")]);
    await image.record([verdict("s", false)]);
    await tab.sync.settled();
    expect(tab.state).toMatchObject({ phase: "offline", waiting: 3 });
    const reopened = new Tab(server, storage, locks);
    expect((await open(reopened)).refused).toEqual(["t"]);
    server.weather = "fine";
    await reopened.sync.flush();
    await reopened.sync.settled();
    expect([...server.verdicts]).toEqual([
      ["s", false],
      ["t", true],
    ]);
  });

  it("is sent on top of what others did meanwhile, and conflicts with nothing", async () => {
    const image = await open();
    server.store(create("theirs"));
    await image.record([verdict("s")]);
    await tab.sync.settled();
    expect(server.verdicts.get("s")).toBe(true);
    expect(tab.state).toMatchObject({ phase: "saved", conflicts: [] });
    expect(image.annotations().map((each) => each.uid)).toEqual(["theirs"]);
  });
});
