// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/svelte";
import { afterEach, expect, it } from "vitest";
import type { ImageDetails } from "../../api/types.ts";
import WhyImage from "./WhyImage.svelte";

const rank = { place: 3, predicted_iou: 0.617, stability: 0.9, agreement: 0.55, distance: 0.4, clicks: 2.44 };
const image = (changed: object) =>
  ({ id: 1, annotation_count: 0, mark: { state: "waiting" }, rank, ...changed }) as unknown as ImageDetails;

afterEach(cleanup);

it("says why the image comes so early, in short and in full", () => {
  render(WhyImage, { props: { image: image({}) } });
  expect(screen.getByText("3: sure 62 %, new 40 %")).toBeTruthy();
  expect(screen.getByTestId("why-image").title).toBe(
    "Why this image: place 3: the model rates its masks 62 % (stable 90 %, agreeing 55 %); 40 % unlike the nearest image with masks or before it; masks of images like it took 2.4 clicks",
  );
  expect(screen.getByText(/^Why this image: place 3/)).toBeTruthy();
});

it.each([
  ["was not ranked", { rank: null }],
  ["has masks", { annotation_count: 2 }],
  ["is finished", { mark: { state: "approved" } }],
])("says nothing of an image that %s", (_, changed) => {
  render(WhyImage, { props: { image: image(changed) } });
  expect(screen.queryByTestId("why-image")).toBeNull();
});
