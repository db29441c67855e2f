import { describe, expect, it } from "vitest";
import { readRoot } from "./root.ts";

const page = (content: string | null) => ({
  querySelector: () => (content === null ? null : ({ getAttribute: () => content } as unknown as Element)),
});

describe("readRoot", () => {
  it("is what the server wrote into the page", () => {
    expect(readRoot(page("/limner") as unknown as Document)).toBe("/limner");
  });

  it("is empty without a proxy's path, and where there is no page", () => {
    expect(readRoot(page(null) as unknown as Document)).toBe("");
    expect(readRoot(null)).toBe("");
  });
});
