import { describe, expect, it, vi } from "vitest";
import { NetworkError } from "../api/errors.ts";
import type { ImageDetails } from "../api/types.ts";
import * as obstacles from "../session/obstacles.ts";
import { m } from "../texts/messages.ts";
import { MarkActions, type MarkHost } from "./mark-actions.svelte.ts";

const image = (id: number, state = "waiting") => ({ id, next_id: id + 1, mark: { state } }) as ImageDetails;

function host(changes: Partial<MarkHost> = {}) {
  const done: string[] = [];
  const log = (what: string) => (detail: unknown) => void done.push(`${what} ${detail}`);
  const fake: MarkHost = {
    image: image(1),
    ready: true,
    empty: false,
    asksEmpty: true,
    keep: () => {
      done.push("keep");
      return null;
    },
    mark: async (...said) => Boolean(done.push(`mark ${said.join(" ")}`.trim())),
    nextWaiting: async () => 5,
    listed: false,
    annotates: true,
    reviews: true,
    nextSubmitted: async () => 6,
    go: log("go"),
    tell: log("tell"),
    offer: vi.fn(),
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

  it("offers to take it back, which leads to the image and has it waiting again, with what was said of it", async () => {
    const returned = {
      ...image(1),
      file_name: "cat.png",
      mark: { state: "returned", note: "the tail" },
    } as ImageDetails;
    const offer = vi.fn<MarkHost["offer"]>();
    const { actions, done, fake } = host({ image: returned, offer });
    await actions.submit();
    expect(offer).toHaveBeenCalledWith("cat.png is submitted.", expect.any(Function));
    Object.assign(fake, { image: image(5) });
    done.length = 0;
    await actions.opened();
    offer.mock.calls[0]![1]();
    expect(done).toEqual(["go 1"]);
    Object.assign(fake, { image: image(1, "submitted") });
    await actions.opened();
    await actions.opened();
    expect(done).toEqual(["go 1", "mark waiting the tail"]);
  });

  it("takes nothing back once the person went elsewhere", async () => {
    const offer = vi.fn<MarkHost["offer"]>();
    const { actions, done, fake } = host({ offer });
    await actions.submit();
    const undo = offer.mock.calls[0]![1];
    Object.assign(fake, { image: image(5) });
    undo();
    Object.assign(fake, { image: image(6) });
    await actions.opened();
    Object.assign(fake, { image: image(1, "submitted") });
    await actions.opened();
    expect(done.filter((what) => what.startsWith("mark waiting"))).toEqual([]);
  });

  it("asks before it submits an image without masks, unless nobody is to be asked", async () => {
    const { actions, done, fake } = host({ empty: true });
    await actions.submit();
    expect([actions.asking, done]).toEqual(["empty", ["keep"]]);
    await actions.submitEmpty();
    expect([actions.asking, done]).toEqual([null, ["keep", "mark submitted", "go 5"]]);
    await actions.submitEmpty();
    expect(done).toHaveLength(3);
    Object.assign(fake, { asksEmpty: false });
    await actions.submit();
    expect(done.slice(3)).toEqual(["keep", "mark submitted", "go 5"]);
  });

  it("offers nothing for an image that was settled before", async () => {
    const offer = vi.fn();
    const { actions } = host({ image: image(1, "skipped"), offer });
    await actions.submit();
    expect(offer).not.toHaveBeenCalled();
  });

  it.each(Object.values(obstacles))(
    "submits nothing while there is an obstacle, and says which: $message",
    async (obstacle) => {
      const tell = vi.fn();
      const { actions, done } = host({ keep: () => obstacle, tell });
      await actions.submit();
      expect(tell).toHaveBeenCalledWith(`Not submitted. ${obstacle.message}`, obstacle.hint);
      expect(done).toEqual([]);
    },
  );

  it("waits for an image that is still loading", async () => {
    const { actions, done } = host({ ready: false });
    actions.ask("skip");
    expect(actions.asking).toBeNull();
    await actions.submit();
    expect(done).toEqual([expect.stringContaining("tell The image is still loading")]);
  });

  it("stays where the mark could not be kept", async () => {
    const { actions, done } = host({ mark: async () => false });
    await actions.submit();
    actions.ask("skip");
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

  it.each([
    ["another image", { image: image(2) }],
    ["the same image, marked by somebody else", { image: image(1, "submitted") }],
    ["an image that is loading", { ready: false }],
  ])("gives a note to nothing but the image it was asked for: not to %s", async (_, changes) => {
    const { actions, done, fake } = host();
    for (const note of ["skip", "sendBack"] as const) {
      Object.assign(fake, { image: image(1), ready: true });
      actions.ask(note);
      expect(actions.asking).toBe(note);
      Object.assign(fake, changes);
      expect(actions.asking).toBeNull();
      await actions[note]("Blurry");
    }
    expect(done).toEqual([]);
  });

  it("returns and stays", async () => {
    const { actions, done } = host();
    actions.ask("sendBack");
    await actions.sendBack("the tail is missing", "anyone");
    expect(done).toEqual(["mark returned the tail is missing anyone"]);
  });

  it("takes back what one submitted oneself, where one does not review", async () => {
    const { actions, done } = host({ reviews: false });
    actions.ask("sendBack");
    await actions.sendBack("");
    expect(done).toEqual(["mark waiting"]);
  });
});

describe("reviewing", () => {
  it("approves once, and goes on to the next one that was submitted", async () => {
    const { actions, done } = host();
    await Promise.all([actions.approve(), actions.approve()]);
    expect(done).toEqual(["mark approved", "go 6"]);
  });

  it("says when no other image is submitted", async () => {
    const { actions, done } = host({ nextSubmitted: async () => null });
    await actions.approve();
    expect(done).toEqual(["mark approved", "tell No other image is submitted."]);
  });
});

describe("going on", () => {
  it("says when no other image is waiting", async () => {
    const { actions, done } = host({ nextWaiting: async () => null });
    await actions.goOn();
    expect(done).toEqual(["tell There is no other image for you to work on."]);
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

it("says of a list that it has no other image, and how another one is chosen", async () => {
  const tell = vi.fn();
  const { actions } = host({
    listed: true,
    tell,
    nextWaiting: async () => null,
    nextSubmitted: async () => null,
  });
  await actions.goOn();
  await actions.goOnReviewing();
  expect(tell.mock.calls).toEqual([
    ["There is no other image for you to work on in this list.", m.annotate_back_to_list_hint()],
    ["No other image of this list is submitted.", m.annotate_back_to_list_hint()],
  ]);
});
