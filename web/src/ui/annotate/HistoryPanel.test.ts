// @vitest-environment happy-dom
import { cleanup, render, screen, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Change } from "../../api/types.ts";
import { contextOf } from "../../app/services.ts";
import { View } from "../../app/view.svelte.ts";
import { FakeDecoder } from "../../decoder/fake-decoder.test-support.ts";
import { createSession, type Session } from "../../session/session.svelte.ts";
import type { Annotation, Operation } from "../../session/types.ts";
import { History } from "../../workspace/history.svelte.ts";
import HistoryPanel from "./HistoryPanel.svelte";

const person = userEvent.setup();
const at = (minute: number) => `2026-11-29T12:${String(minute).padStart(2, "0")}:00Z`;
const mask = (counts: string) => ({ size: [48, 64] as [number, number], counts });
const object = (uid: string, counts: string, category_id: number | null = 1) =>
  ({ uid, category_id, segmentation: mask(counts), iscrowd: 0, attributes: {}, provenance: null }) as unknown;
const change = (revision: number, kind: Change["kind"], annotation: unknown, more: Partial<Change> = {}) =>
  ({
    revision,
    kind,
    uid: (annotation as Annotation | null)?.uid ?? null,
    changed: [],
    by: "Ada",
    at: at(revision),
    annotation,
    mark: null,
    ...more,
  }) as Change;

const OLD = "P3`0`l2";
const NEW = "P3a0_l2";
const changes = [
  change(4, "mark", null, { mark: { state: "returned", note: "the tail" } }),
  change(3, "delete", object("gone", OLD)),
  change(2, "update", object("a", NEW, 9), { changed: ["category_id", "provenance", "segmentation"] }),
  change(1, "create", object("a", OLD)),
];
const client = { history: vi.fn() };
const know = vi.fn();
const tell = vi.fn();
const fail = vi.fn();
let session: Session;
let history: History;
let operations: Operation[];

beforeEach(() => {
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(null);
  client.history.mockImplementation(async (_: number, { uid }: { uid: string | null }) => ({
    changes: changes.filter((each) => uid === null || each.uid === uid),
    next: null,
  }));
  operations = [];
  session = createSession({ decoder: new FakeDecoder(), record: (_, made) => operations.push(...made) });
  session.setCategories([{ id: 1, name: "cat", color: "#ff0000" }]);
  session.open({ id: 7, height: 48, width: 64 }, [object("a", NEW, 9) as Annotation]);
  history = new History({ client, session, know, tell, fail });
});

afterEach(() => {
  cleanup();
  history.dispose();
  vi.restoreAllMocks();
  vi.clearAllMocks();
});

async function show(canWork = true): Promise<HTMLElement[]> {
  render(HistoryPanel, {
    props: { session, history, picture: null, canWork, onclose: vi.fn() },
    context: contextOf({ view: new View() }),
  });
  return await screen.findAllByRole("listitem");
}

it("tells of an image who did what, and of an object once one is selected", async () => {
  const rows = await show();
  const texts = rows.map((row) => row.textContent!.replaceAll(/\s+/g, " ").trim());
  expect(texts[0]).toMatch(/^Returned: the tail Ada, /);
  expect(texts[1]).toMatch(/^An object that is gone: Deleted Ada, .*Restore$/);
  expect(texts[2]).toMatch(/^Object 1: Category: a category that is gone, mask Ada, .* now$/);
  expect(texts[3]).toMatch(/^Object 1: Drawn as cat Ada, .*Restore$/);
  session.selection.select("a");
  await vi.waitFor(() => expect(screen.getAllByRole("listitem")).toHaveLength(2));
  expect(client.history).toHaveBeenLastCalledWith(7, { uid: "a", before: null });
});

it("brings back an earlier state as a change that is undone like any other", async () => {
  const rows = await show();
  await person.click(within(rows[3]!).getByRole("button", { name: /^Restore what it was: Drawn as cat/ }));
  expect(operations).toMatchObject([
    { kind: "update", uid: "a", changes: { category_id: 1, segmentation: mask(OLD) } },
  ]);
  expect(tell).toHaveBeenCalledWith(expect.stringContaining("{undo} takes that back"));
  expect(session.selection.uid).toBe("a");
  session.store.undo();
  expect(session.list.annotations[0]!.segmentation.counts).toBe(NEW);
});

it("brings back what was deleted before the image was opened", async () => {
  const rows = await show();
  await person.click(within(rows[1]!).getByRole("button", { name: /^Restore/ }));
  expect(know).toHaveBeenCalledWith(expect.objectContaining({ uid: "gone" }));
  expect(operations).toEqual([{ kind: "restore", uid: "gone" }]);
  expect(session.list.annotations.map(({ uid }) => uid)).toContain("gone");
});

it("gives no category that is there no more", async () => {
  const rows = await show();
  await person.click(within(rows[3]!).getByRole("button", { name: /^Restore/ }));
  history.restore(changes[2]!);
  expect(operations.at(-1)).toMatchObject({ changes: { category_id: null, segmentation: mask(NEW) } });
  expect(tell).toHaveBeenLastCalledWith(expect.stringContaining("Its category is there no more."));
});

it("changes no object that is locked, or being drawn", async () => {
  await show();
  session.list.setLocked("a", true);
  history.restore(changes[3]!);
  expect(operations).toEqual([]);
});

it("lets those who may only look see everything and change nothing", async () => {
  await show(false);
  expect(screen.queryByRole("button", { name: /^Restore/ })).toBeNull();
});

it("shows on the image what a row is about, also to who comes with the keyboard", async () => {
  const rows = await show();
  within(rows[3]!)
    .getByRole("button", { name: /^Restore/ })
    .focus();
  expect(history.pointed?.revision).toBe(1);
  (document.activeElement as HTMLElement).blur();
  expect(history.pointed).toBeNull();
});

it("says so when the history cannot be read", async () => {
  client.history.mockRejectedValueOnce(new Error("away"));
  render(HistoryPanel, {
    props: { session, history, picture: null, canWork: true, onclose: null },
    context: contextOf({ view: new View() }),
  });
  await vi.waitFor(() => expect(fail).toHaveBeenCalled());
});
