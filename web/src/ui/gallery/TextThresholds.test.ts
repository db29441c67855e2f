// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/svelte";
import { afterEach, expect, it, vi } from "vitest";
import type { Client } from "../../api/client.ts";
import type { Project, TextThreshold } from "../../api/types.ts";
import { contextOf } from "../../app/services.ts";
import TextThresholds from "./TextThresholds.svelte";

const project = { id: 3, categories: [{ id: 4, name: "book" }] } as unknown as Project;
const learned: TextThreshold = {
  detector: "dino",
  category_id: 4,
  box_threshold: 0.4567,
  fitted: true,
  accepted: 31,
  refused: 12,
};

function show(thresholds: TextThreshold[]) {
  const textThresholds = vi.fn(async (_id: number) => thresholds);
  const context = contextOf({ client: { textThresholds } as unknown as Client });
  const shown = render(TextThresholds, { props: { project }, context });
  return { asked: textThresholds, rerender: shown.rerender };
}

afterEach(cleanup);

it("says from which score on boxes of a category are suggested, and what that was learned from", async () => {
  const { asked } = show([learned]);
  const item = await screen.findByRole("listitem", { hidden: true });
  expect(item.textContent?.replace(/\s+/g, " ").trim()).toBe(
    "book: 0.46, learned from 31 accepted and 12 refused",
  );
  expect(asked).toHaveBeenCalledWith(3);
});

it("says that the usual one holds where too little is known, and names detectors where there are several", async () => {
  show([
    learned,
    { ...learned, detector: "owl", fitted: false, box_threshold: 0.3, accepted: 1, refused: 2 },
  ]);
  const items = await screen.findAllByRole("listitem", { hidden: true });
  expect(items[0]?.textContent).toContain("(dino)");
  expect(items[1]?.textContent?.replace(/\s+/g, " ")).toContain(
    ": 0.30, the usual one, with 1 accepted and 2 refused",
  );
});

it("shows nothing where nobody has decided anything", async () => {
  const { asked } = show([]);
  await vi.waitFor(() => expect(asked).toHaveBeenCalled());
  expect(screen.queryByText("Least scores of boxes")).toBeNull();
});

it("asks once for a project, however often its counts change", async () => {
  const { asked, rerender } = show([learned]);
  await screen.findByRole("listitem", { hidden: true });
  for (const image_count of [1, 2]) await rerender({ project: { ...project, image_count } });
  expect(asked).toHaveBeenCalledTimes(1);
  await rerender({ project: { ...project, id: 5 } });
  expect(asked.mock.calls).toEqual([[3], [5]]);
});
