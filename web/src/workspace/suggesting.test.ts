import { beforeEach, describe, expect, it, vi } from "vitest";
import type { SuggestionList } from "../api/types.ts";
import { Suggesting } from "./suggesting.svelte.ts";

describe("looking for suggestions", () => {
  const list = (activity: SuggestionList["activity"] = null): SuggestionList => {
    return { image_id: 7, activity, suggestions: [] };
  };
  const load = vi.fn();
  const tell = vi.fn();
  const fail = vi.fn();
  const client = {
    suggestions: vi.fn(async () => list()),
    requestSuggestions: vi.fn(async () => list("waiting")),
    cancelSuggestions: vi.fn(async () => ({}) as never),
  };
  let suggesting: Suggesting;
  const told = { image_id: 7, done: 0, total: 0, found: 0, error: null };

  beforeEach(() => {
    vi.clearAllMocks();
    suggesting = new Suggesting(client, { suggestions: { load } } as never, tell, fail);
    suggesting.open(7);
  });

  it("reads what there is when an image is opened, and shows what is under way", async () => {
    client.suggestions.mockResolvedValueOnce(list("running"));
    suggesting.open(7);
    await vi.waitFor(() => expect(suggesting.progress).toEqual({ done: 0, total: 0 }));
    expect(load).toHaveBeenCalled();
  });

  it("asks with the grid that was chosen, once, and hears how it goes", async () => {
    suggesting.grid = 32;
    await suggesting.everything();
    await suggesting.everything();
    expect(client.requestSuggestions.mock.calls).toEqual([
      [7, { source: "everything", points_per_side: 32 }],
    ]);
    suggesting.hear({ ...told, state: "running", done: 16, total: 64 });
    expect(suggesting.progress).toEqual({ done: 16, total: 64 });
    suggesting.hear({ ...told, image_id: 8, state: "ready" });
    expect(suggesting.progress).not.toBeNull();
    load.mockClear();
    suggesting.hear({ ...told, state: "ready", found: 3 });
    expect(suggesting.progress).toBeNull();
    await vi.waitFor(() => expect(load).toHaveBeenCalled());
    expect(tell).not.toHaveBeenCalled();
  });

  it("asks for what looks like objects, if there are any", async () => {
    await suggesting.similar([]);
    expect(client.requestSuggestions).not.toHaveBeenCalled();
    await suggesting.similar(["a", "b"]);
    expect(client.requestSuggestions.mock.calls).toEqual([[7, { source: "similar", examples: ["a", "b"] }]]);
  });

  it("asks the project's detector, and says why there is none", async () => {
    await suggesting.detected();
    expect(client.requestSuggestions.mock.calls).toEqual([[7, { source: "detector", objectness: 0.1 }]]);
    suggesting.hear({ ...told, state: "ready", found: 2 });
    const none = new Error("There is no detector for this project.");
    client.requestSuggestions.mockRejectedValueOnce(none);
    await suggesting.detected();
    expect(fail).toHaveBeenCalledWith(none);
    expect(suggesting.progress).toBeNull();
  });

  it("says when nothing was found or it failed", async () => {
    await suggesting.everything();
    suggesting.hear({ ...told, state: "ready" });
    expect(tell).toHaveBeenCalledWith("Nothing was found here.");
    await suggesting.everything();
    suggesting.hear({ ...told, state: "failed", error: "no memory" });
    expect(suggesting.progress).toBeNull();
    expect(String(fail.mock.calls[0])).toContain("no memory");
  });

  it("can be cancelled, and asked again after the network failed", async () => {
    await suggesting.everything();
    await suggesting.cancel();
    expect(client.cancelSuggestions).toHaveBeenCalledWith(7);
    expect(suggesting.progress).toBeNull();
    client.requestSuggestions.mockRejectedValueOnce(new Error("offline"));
    await suggesting.everything();
    expect([suggesting.progress, fail.mock.calls.length]).toEqual([null, 1]);
  });
});
