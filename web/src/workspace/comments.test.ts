import { beforeEach, describe, expect, it, vi } from "vitest";
import { NetworkError } from "../api/errors.ts";
import type { Thread } from "../api/types.ts";
import { Comments } from "./comments.svelte.ts";

const thread = (id: number, resolved = false, more: string[] = []): Thread => ({
  id,
  at: null,
  annotation: null,
  resolved_at: resolved ? "2026-11-29T12:00:00Z" : null,
  resolved_by: null,
  comments: ["look", ...more].map((text, index) => ({ id: id * 10 + index, by: "Ada", text, created: "" })),
});

describe("comments", () => {
  const client = {
    comments: vi.fn(async (): Promise<Thread[]> => []),
    say: vi.fn(async (..._: unknown[]): Promise<Thread> => thread(1)),
    resolveThread: vi.fn(async (id: number, resolved: boolean): Promise<Thread> => thread(id, resolved)),
  };
  const fail = vi.fn();
  let kept: Map<string, string>;
  let owner: string;
  let comments: Comments;
  const make = () =>
    new Comments(
      client,
      {
        getItem: (key) => kept.get(key) ?? null,
        setItem: (key, text) => void kept.set(key, text),
        removeItem: (key) => void kept.delete(key),
      },
      () => owner,
      fail,
    );

  beforeEach(() => {
    vi.clearAllMocks();
    kept = new Map();
    owner = "1";
    comments = make();
    comments.show(7);
  });

  it("are read with their image, and again when the server tells of that image", async () => {
    client.comments.mockResolvedValueOnce([thread(1), thread(2, true)]);
    comments.hear(8);
    comments.hear(7);
    await vi.waitFor(() => expect(comments.threads.map(({ id }) => id)).toEqual([1, 2]));
    expect(client.comments).toHaveBeenCalledTimes(2);
    expect(comments.open.map(({ id }) => id)).toEqual([1]);
  });

  it("are about what was chosen, and the next one about the image again", async () => {
    comments.about = { kind: "place", at: [3, 4] };
    comments.write("new", " here ");
    expect(await comments.say("new")).toBe(true);
    comments.about = { kind: "object", uid: "a" };
    comments.write("new", "this");
    await comments.say("new");
    comments.write("new", "all");
    await comments.say("new");
    comments.write(1, "done");
    await comments.say(1);
    expect(client.say.mock.calls.map(([, said]) => said)).toEqual([
      { uid: expect.any(String), text: "here", at: [3, 4] },
      { uid: expect.any(String), text: "this", annotation: "a" },
      { uid: expect.any(String), text: "all" },
      { uid: expect.any(String), text: "done", thread: 1 },
    ]);
    expect(kept.size).toBe(0);
    expect(comments.current).toBe(1);
  });

  it("are kept while the server is away, and said once though its answer was lost", async () => {
    client.say.mockRejectedValueOnce(new NetworkError("away"));
    comments.write("new", "look");
    expect(await comments.say("new")).toBe(false);
    expect(fail).toHaveBeenCalled();
    expect(comments.written("new")).toBe("look");
    expect(await comments.say("new")).toBe(true);
    const [first, second] = client.say.mock.calls.map(([, said]) => said as { uid: string });
    expect(second!.uid).toBe(first!.uid);
  });

  it("that are being written wait on their image, for who wrote them", () => {
    comments.write("new", "half a thou");
    comments.show(8);
    expect(comments.written("new")).toBe("");
    comments = make(); // as after a reload
    comments.show(7);
    expect(comments.written("new")).toBe("half a thou");
    owner = "2";
    expect(comments.written("new")).toBe("");
  });

  it("without a text are not sent", async () => {
    comments.write("new", " \n ");
    expect(await comments.say("new")).toBe(false);
    expect(client.say).not.toHaveBeenCalled();
  });

  it("that come in while one is said do not undo it", async () => {
    let answer!: (threads: Thread[]) => void;
    client.comments.mockReturnValueOnce(new Promise((resolve) => (answer = resolve)));
    comments.hear(7);
    comments.write("new", "look");
    await comments.say("new");
    answer([]);
    await Promise.resolve();
    expect(comments.threads.map(({ id }) => id)).toEqual([1]);
  });

  it("are walked through while they are open", async () => {
    client.comments.mockResolvedValueOnce([thread(1), thread(2, true), thread(3)]);
    comments.hear(7);
    await vi.waitFor(() => expect(comments.threads.length).toBe(3));
    expect([comments.walk()?.id, comments.walk()?.id, comments.walk()?.id]).toEqual([1, 3, 1]);
    await comments.resolve(1, true);
    await comments.resolve(3, true);
    expect(comments.walk()).toBeNull();
  });

  it("of another image come too late", async () => {
    let answer!: (thread: Thread) => void;
    client.say.mockReturnValueOnce(new Promise((resolve) => (answer = resolve)));
    comments.write("new", "look");
    const saying = comments.say("new");
    comments.show(8);
    answer(thread(1));
    expect(await saying).toBe(true);
    expect(comments.threads).toEqual([]);
  });
});
