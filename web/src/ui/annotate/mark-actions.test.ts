import { describe, expect, it, vi } from "vitest";
import { NetworkError } from "../../api/errors.ts";
import type { ImageDetails } from "../../api/types.ts";
import { MarkActions, type MarkHost } from "./mark-actions.svelte.ts";

function host(changes: Partial<MarkHost> = {}) {
  const done: string[] = [];
  const log = (what: string) => (detail: unknown) => void done.push(`${what} ${detail}`);
  const fake: MarkHost = {
    image: { id: 1, next_id: 2 } as ImageDetails,
    keep: () => Boolean(done.push("keep")),
    mark: async (state, note) => Boolean(done.push(`mark ${state} ${note}`.trim())),
    nextWaiting: async () => 5,
    go: log("go"),
    tell: log("tell"),
    fail: log("fail"),
    ...changes,
  };
  return { actions: new MarkActions(fake), done, fake };
}

describe("submitting and skipping", () => {
  it("keeps what is drawn first, then marks, then goes on to the next that waits", async () => {
    const { actions, done } = host();
    await actions.submit();
    expect(done).toEqual(["keep", "mark submitted", "go 5"]);
  });

  it("marks once when the key is pressed again before it has gone on", async () => {
    const { actions, done } = host();
    await Promise.all([actions.submit(), actions.submit()]);
    expect(done).toEqual(["keep", "mark submitted", "go 5"]);
    await actions.submit();
    expect(done.filter((what) => what === "go 5")).toHaveLength(2);
  });

  it("waits for a mask that is still being computed", async () => {
    const { actions, done } = host({ keep: () => false });
    await actions.submit();
    expect(done).toEqual([expect.stringContaining("tell The mask is still")]);
  });

  it("stays where the mark could not be kept", async () => {
    const { actions, done } = host({ mark: async () => false });
    await actions.submit();
    await actions.skip("Blurry");
    expect(done).toEqual(["keep", "keep"]);
  });

  it("asks for a reason, and closes the dialog with it", async () => {
    const { actions, done } = host();
    actions.ask("skip");
    expect(actions.asking).toBe("skip");
    await actions.skip("Blurry");
    expect(actions.asking).toBeNull();
    expect(done).toEqual(["keep", "mark skipped Blurry", "go 5"]);
  });

  it("asks nothing while no image is open", () => {
    const { actions } = host({ image: null });
    actions.ask("skip");
    expect(actions.asking).toBeNull();
  });

  it("sends back and stays", async () => {
    const { actions, done } = host();
    await actions.sendBack("the tail is missing");
    expect(done).toEqual(["mark waiting the tail is missing"]);
  });
});

describe("going on", () => {
  it("says when no other image is waiting", async () => {
    const { actions, done } = host({ nextWaiting: async () => null });
    await actions.goOn();
    expect(done).toEqual(["tell No other image is waiting."]);
  });

  it("takes the next image when the server cannot be asked", async () => {
    const offline = () => Promise.reject(new NetworkError("The server cannot be reached."));
    const { actions, done } = host({ nextWaiting: offline });
    await actions.goOn();
    expect(done).toEqual(["go 2"]);
  });

  it("leaves a person alone who went elsewhere meanwhile", async () => {
    const { actions, done, fake } = host();
    const elsewhere = { ...fake.image, id: 9 } as ImageDetails;
    vi.spyOn(fake, "nextWaiting").mockImplementation(async () => {
      Object.assign(fake, { image: elsewhere });
      return 5;
    });
    await actions.goOn();
    expect(done).toEqual([]);
  });
});
