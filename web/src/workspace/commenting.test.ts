import { describe, expect, it, vi } from "vitest";
import { imagePoint } from "../core/geometry.ts";
import { Commenting, type CommentingHost } from "./commenting.ts";
import type { About } from "./comments.svelte.ts";

function page(
  given: Partial<CommentingHost> = {},
  found: ReturnType<CommentingHost["comments"]["walk"]> = null,
) {
  const comments = {
    about: { kind: "image" } as About,
    current: null as number | null,
    placing: false,
    walk: () => found,
  };
  const host = {
    comments,
    selected: [],
    pointed: null,
    reveal: vi.fn(),
    open: vi.fn(),
    write: vi.fn(),
    uncover: vi.fn(),
    ...given,
  };
  return { host, comments, commenting: new Commenting(host) };
}

describe("Commenting", () => {
  it.each<[string, Partial<CommentingHost>, About]>([
    [
      "the one object that is selected",
      { selected: [{ uid: "a" }], pointed: imagePoint(1, 2) },
      { kind: "object", uid: "a" },
    ],
    ["the place that is pointed at", { pointed: imagePoint(1, 2) }, { kind: "place", at: imagePoint(1, 2) }],
    [
      "the place rather than one of several objects",
      { selected: [{ uid: "a" }, { uid: "b" }], pointed: imagePoint(1, 2) },
      { kind: "place", at: imagePoint(1, 2) },
    ],
    ["the image, where nothing is pointed at", {}, { kind: "image" }],
  ])("begins a comment about %s", (_, given, about) => {
    const { host, comments, commenting } = page(given);
    commenting.begin();
    expect(comments.about).toEqual(about);
    expect(host.write).toHaveBeenCalledOnce();
  });

  it("goes to the next open thread and to its place, and nowhere without one", () => {
    const { host, commenting } = page({}, { at: [3, 4] } as never);
    commenting.next();
    expect(host.reveal).toHaveBeenCalledWith(imagePoint(3, 4));
    expect(host.open).toHaveBeenCalledOnce();
    const none = page();
    none.commenting.next();
    expect(none.host.open).not.toHaveBeenCalled();
  });

  it("has a place chosen on the image that nothing covers, and takes it or leaves what it was about", () => {
    const { host, comments, commenting } = page();
    commenting.choosePlace();
    expect(comments.placing).toBe(true);
    expect(host.uncover).toHaveBeenCalledOnce();
    commenting.place(null);
    expect([comments.placing, comments.about]).toEqual([false, { kind: "image" }]);
    commenting.place(imagePoint(5, 6));
    expect(comments.about).toEqual({ kind: "place", at: imagePoint(5, 6) });
    expect(host.write).toHaveBeenCalledTimes(2);
  });
});
