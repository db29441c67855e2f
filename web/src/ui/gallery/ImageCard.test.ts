// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/svelte";
import { afterEach, expect, it } from "vitest";
import { EVERYTHING } from "../../api/listing.ts";
import type { ProjectImage } from "../../api/types.ts";
import ImageCard from "./ImageCard.svelte";

const image = {
  id: 7,
  project_id: 1,
  file_name: "cat.png",
  width: 60,
  height: 40,
  pages: 1,
  revision: 3,
  annotation_count: 2,
  open_threads: 0,
  tags: [],
  mark: { state: "waiting", note: "" },
  work: { assigned_to: null, held_by: null, reserved: false },
  embedding: { state: "ready", error: null },
  overlap: null,
  gold: false,
  rank: null,
} as unknown as ProjectImage;

const shown = (hurried: boolean) =>
  render(ImageCard, { props: { image, index: 0, listing: EVERYTHING, look: "a", hurried } });
const pictures = () => [...screen.getByRole("link").querySelectorAll("img")];
const addresses = () => pictures().map((each) => each.getAttribute("src"));
const BOTH = [expect.stringContaining("/7/thumbnail"), expect.stringContaining("/7/masks?revision=3")];

afterEach(cleanup);

it("asks for its pictures once the list no longer flies by, and keeps them when it does again", async () => {
  const { rerender } = shown(true);
  expect(screen.getByRole("link").getAttribute("aria-label")).toContain("cat.png");
  expect(addresses()).toEqual([]);
  await rerender({ hurried: false });
  expect(addresses()).toEqual(BOTH);
  await rerender({ hurried: true });
  expect(addresses()).toEqual(BOTH);
});

it("gives up its pictures when it goes", () => {
  const { unmount } = shown(false);
  const gone = pictures();
  unmount();
  expect(gone.map((each) => each.hasAttribute("src"))).toEqual([false, false]);
});

it("shows a panorama whole, with its masks, and cuts an image of usual shape to fill the tile", async () => {
  const { rerender } = shown(false);
  expect(pictures().map((each) => each.classList.contains("whole"))).toEqual([false, false]);
  await rerender({ image: { ...image, width: 8000, height: 300 } });
  expect(pictures().map((each) => each.classList.contains("whole"))).toEqual([true, true]);
  await rerender({ image: { ...image, width: 300, height: 8000 } });
  expect(pictures().map((each) => each.classList.contains("whole"))).toEqual([true, true]);
});
