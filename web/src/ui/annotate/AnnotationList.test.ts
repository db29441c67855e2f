// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { contextOf } from "../../app/services.ts";
import { View } from "../../app/view.svelte.ts";
import { FakeDecoder } from "../../decoder/fake-decoder.test-support.ts";
import { createSession, type Session } from "../../session/session.svelte.ts";
import type { Annotation } from "../../session/types.ts";
import { Objects } from "../../workspace/objects.svelte.ts";
import AnnotationList from "./AnnotationList.svelte";

const COUNT = 300;
const [ROW, HEIGHT] = [32, 320]; // px; happy-dom lays nothing out
let session: Session;
const person = userEvent.setup();
const rows = () => screen.getAllByRole("listitem");
const uids = () => rows().map((row) => row.querySelector<HTMLElement>("[data-uid]")?.dataset.uid);
const scroller = () => screen.getByRole("list").parentElement!;

function scrollTo(top: number) {
  scroller().scrollTop = top;
  scroller().dispatchEvent(new Event("scroll"));
}

beforeEach(() => {
  vi.spyOn(HTMLElement.prototype, "offsetHeight", "get").mockImplementation(function (this: HTMLElement) {
    return this.tagName === "LI" ? ROW : HEIGHT;
  });
  session = createSession({ decoder: new FakeDecoder(), record: vi.fn() });
  session.setCategories([{ id: 1, name: "cell", color: "#ff0000" }]);
  const segmentation = { size: [48, 64], counts: "P3`0`l2" };
  const annotations = Array.from({ length: COUNT }, (_, index) => ({
    uid: `object-${index}`,
    category_id: index % 100 === 0 ? 1 : null,
    segmentation,
    iscrowd: 0,
    attributes: {},
    provenance: null,
    position: index,
  }));
  session.open({ id: 7, height: 48, width: 64 }, annotations as unknown as Annotation[]);
  render(AnnotationList, {
    props: { session, objects: new Objects(session), picture: null, onwhole: vi.fn(), onhistory: vi.fn() },
    context: contextOf({ view: new View() }),
  });
});

afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
});

it("makes rows for what is seen only, and says how many there are", async () => {
  await vi.waitFor(() => expect(uids()[0]).toBe("object-0"));
  expect(rows().length).toBeLessThan(60);
  expect(rows()[3]?.getAttribute("aria-posinset")).toBe("4");
  expect(rows()[3]?.getAttribute("aria-setsize")).toBe(String(COUNT));
  expect(screen.getByTestId("object-count").textContent?.trim()).toBe(String(COUNT));
  scrollTo(200 * ROW);
  await vi.waitFor(() => expect(uids()).toContain("object-205"));
  expect(uids()).not.toContain("object-0");
  expect(rows().length).toBeLessThan(60);
});

it("is walked through by keys far beyond what was seen first", async () => {
  await vi.waitFor(() => expect(uids()[0]).toBe("object-0"));
  const first = rows().length - 3;
  rows()[first]!.querySelector<HTMLElement>("[data-uid]")!.focus();
  for (let step = 1; step <= 6; step++) {
    scrollTo((first + step) * ROW - HEIGHT); // as a browser does for what gets the focus
    await person.keyboard("{ArrowDown}");
    expect((document.activeElement as HTMLElement).dataset.uid).toBe(`object-${first + step}`);
  }
  expect(session.selection.uid).toBe(`object-${first + 6}`);
});

it("keeps the row that has the focus wherever it is scrolled to", async () => {
  await vi.waitFor(() => expect(uids()[0]).toBe("object-0"));
  rows()[2]!.querySelector<HTMLElement>("[data-uid]")!.focus();
  scrollTo(250 * ROW);
  await vi.waitFor(() => expect(uids()).toContain("object-255"));
  expect((document.activeElement as HTMLElement).dataset.uid).toBe("object-2");
});

it("finds by category among all of them", async () => {
  await person.type(screen.getByRole("searchbox"), "cell");
  await vi.waitFor(() => expect(uids()).toEqual([0, 100, 200].map((index) => `object-${index}`)));
});
