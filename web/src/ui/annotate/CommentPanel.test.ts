// @vitest-environment happy-dom
import { cleanup, render, screen, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Thread } from "../../api/types.ts";
import { FakeDecoder } from "../../decoder/fake-decoder.test-support.ts";
import { createSession, type Session } from "../../session/session.svelte.ts";
import { Comments } from "../../workspace/comments.svelte.ts";
import CommentPanel from "./CommentPanel.svelte";

const person = userEvent.setup();
const thread = (id: number, text: string, more: Partial<Thread> = {}): Thread => ({
  id,
  at: null,
  annotation: null,
  resolved_at: null,
  resolved_by: null,
  comments: [{ id, by: "Ada", text, created: "2026-11-29T12:00:00Z" }],
  ...more,
});
const THREADS = [
  thread(1, "too wide", { annotation: "gone", at: [3, 4] }),
  thread(2, "settled", { resolved_at: "2026-11-29T12:00:00Z", resolved_by: "Eve" }),
  thread(3, "all dark"),
];
const client = {
  comments: vi.fn(async () => THREADS),
  say: vi.fn(async (..._: unknown[]) => thread(4, "new")),
  resolveThread: vi.fn(async (id: number) =>
    thread(id, "too wide", { resolved_at: "now", resolved_by: "me" }),
  ),
};
let session: Session;
let comments: Comments;

beforeEach(() => {
  const kept = new Map<string, string>();
  const texts = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, text: string) => void kept.set(key, text),
    removeItem: (key: string) => void kept.delete(key),
  };
  session = createSession({ decoder: new FakeDecoder(), record: vi.fn() });
  session.open({ id: 7, height: 48, width: 64 }, []);
  comments = new Comments(client, texts, () => "1", vi.fn());
  comments.show(7);
});

afterEach(() => {
  cleanup();
  vi.clearAllMocks();
});

async function show(canComment = true) {
  const onplace = vi.fn();
  render(CommentPanel, { props: { session, comments, canComment, onclose: null, onplace } });
  await screen.findByText("too wide");
  return onplace;
}

const items = () => screen.getAllByRole("listitem");

it("shows what is open, with what it is about, and what was resolved on demand", async () => {
  await show();
  expect(items().map((item) => item.getAttribute("aria-label"))).toEqual(["Comment 1", "Comment 3"]);
  expect(items()[0]!.textContent).toContain("about an object that is gone");
  expect(items()[1]!.textContent).toContain("about the image");
  await person.click(screen.getByRole("checkbox", { name: "Show what was resolved (1)" }));
  expect(items()[1]!.textContent).toContain("resolved by Eve");
});

it("says what is written with Ctrl+Enter, which goes no further", async () => {
  await show();
  const heard = vi.fn();
  window.addEventListener("keydown", heard);
  await person.type(screen.getByRole("textbox", { name: "New comment" }), "look{Control>}{Enter}{/Control}");
  window.removeEventListener("keydown", heard);
  expect(client.say).toHaveBeenCalledWith(7, { uid: expect.any(String), text: "look" });
  expect(heard.mock.calls.some(([event]) => (event as KeyboardEvent).key === "Enter")).toBe(false);
  await vi.waitFor(() =>
    expect(screen.getByRole<HTMLTextAreaElement>("textbox", { name: "New comment" }).value).toBe(""),
  );
});

it("answers in the thread that is looked at, and resolves it", async () => {
  await show();
  await person.click(within(items()[0]!).getByRole("button", { name: /^1/ }));
  client.say.mockResolvedValueOnce(thread(1, "too wide, done"));
  await person.type(screen.getByRole("textbox", { name: "Answer" }), "done");
  await person.click(screen.getByRole("button", { name: "Answer" }));
  expect(client.say).toHaveBeenCalledWith(7, { uid: expect.any(String), text: "done", thread: 1 });
  await vi.waitFor(() => expect(items()[0]!.textContent).toContain("done"));
  await person.click(screen.getByRole("button", { name: "Resolve" }));
  expect(client.resolveThread).toHaveBeenCalledWith(1, true);
  await screen.findByRole("button", { name: "Open it again" });
});

it("goes to the thread that a pin or a key chooses", async () => {
  await show();
  comments.current = 3;
  await vi.waitFor(() => expect(document.activeElement).toBe(items()[1]));
  expect(items()[1]!.getAttribute("aria-current")).toBe("true");
});

it("lets a place be chosen, and taken back", async () => {
  const onplace = await show();
  await person.click(screen.getByRole("button", { name: "Place…" }));
  expect(onplace).toHaveBeenCalled();
  comments.about = { kind: "place", at: [3.5, 4.5] };
  await screen.findByText("About the place 3, 4");
  await person.click(screen.getByRole("button", { name: "About the image" }));
  expect(comments.about).toEqual({ kind: "image" });
});

it("lets those who may not comment read", async () => {
  await show(false);
  expect(screen.queryByRole("textbox")).toBeNull();
  comments.current = 1;
  await vi.waitFor(() => expect(items()[0]!.getAttribute("aria-current")).toBe("true"));
  expect(screen.queryByRole("button", { name: "Resolve" })).toBeNull();
});
