import { describe, expect, it } from "vitest";
import type { Operation } from "../api/types.ts";
import { create, locks, open, server, storage, Tab, tab } from "./synchroniser.test-support.ts";

const say = (category_id: number, exhaustive: boolean | null): Operation => ({
  kind: "exhaustivity",
  uid: crypto.randomUUID(),
  category_id,
  exhaustive,
});

describe("what is said of categories", () => {
  it("survives being offline and a restart, in its order, and is known meanwhile", async () => {
    const image = await open();
    server.weather = "offline";
    await image.record([say(1, true)]);
    await image.record([create("a"), say(2, true)]);
    await image.record([say(1, false)]);
    await image.record([say(2, null)]);
    await tab.sync.settled();
    expect([...image.exhaustive]).toEqual([[1, false]]);
    const reopened = new Tab(server, storage, locks);
    expect([...(await open(reopened)).exhaustive]).toEqual([[1, false]]);
    server.weather = "fine";
    await reopened.sync.flush();
    await reopened.sync.settled();
    expect([...server.said]).toEqual([
      [1, false],
      [2, null],
    ]);
    expect(reopened.state).toMatchObject({ phase: "saved", waiting: 0, conflicts: [] });
  });

  it("is sent on top of what others did meanwhile, and conflicts with nothing", async () => {
    const image = await open();
    server.store(create("theirs"));
    server.store(say(1, false));
    await image.record([say(1, true)]);
    await tab.sync.settled();
    expect([server.said.get(1), [...image.exhaustive]]).toEqual([true, [[1, true]]]);
    expect(tab.state).toMatchObject({ phase: "saved", conflicts: [] });
  });

  it("is what the server knows when others have reopened it, or it is refused", async () => {
    const image = await open();
    await image.record([say(1, true)]);
    await tab.sync.settled();
    server.store(say(1, null));
    await tab.sync.notice(image.imageId, server.revision);
    expect([...image.exhaustive]).toEqual([]);
    await image.record([say(404, true)]); // a category that is gone
    await tab.sync.settled();
    expect([...image.exhaustive]).toEqual([]);
    expect(tab.errors.map(String)).toEqual([
      expect.stringContaining("What you said of a category does not hold"),
    ]);
    expect(tab.state).toMatchObject({ phase: "saved", waiting: 0, conflicts: [] });
  });

  it("comes along when what was not sent is saved as a file", async () => {
    const image = await open();
    server.weather = "offline";
    await image.record([say(1, true)]);
    await image.recordMark({ kind: "mark", uid: "m", state: "submitted", note: "" });
    await tab.sync.settled();
    const unsent = await tab.sync.unsent();
    expect(unsent.map(({ image_id, operation }) => [image_id, operation.kind])).toEqual([
      [image.imageId, "exhaustivity"],
      [image.imageId, "mark"],
    ]);
    server.weather = "fine";
    await tab.sync.flush();
    await tab.sync.settled();
    expect(server.log).toEqual(unsent.map(({ operation_id }) => operation_id)); // as they are sent
    expect(await tab.sync.unsent()).toEqual([]);
  });
});
