import { describe, expect, it, vi } from "vitest";
import { OperationStore } from "./store.ts";
import {
  categories,
  content,
  create,
  locks,
  marked,
  open,
  recolour,
  server,
  storage,
  Tab,
  tab,
} from "./synchroniser.test-support.ts";

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

  it.each(["approved", "returned"] as const)(
    "is not %s when others have changed what was seen",
    async (state) => {
      const image = await open();
      server.store(create("theirs"));
      await image.recordMark(marked(state));
      await tab.sync.settled();
      expect(server.marks).toEqual([]);
      expect(tab.refused).toEqual([[server.imageId, state, "stale_revision"]]);
      expect(image.waitingMark).toBeNull();
      expect(image.annotations().map((each) => each.uid)).toEqual(["theirs"]);
      await image.recordMark(marked(state)); // now it is what was seen
      await tab.sync.settled();
      expect(server.marks).toEqual([state]);
    },
  );

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
