import { beforeEach, expect, it, vi } from "vitest";
import type { ProjectEvents } from "../api/events.ts";
import { type Hearers, hearEvents } from "./hear-events.ts";

const opener = { wanted: 7, tryAgain: vi.fn(() => false) };
const hearers = {
  waits: { wake: vi.fn() },
  watched: { loadSoon: vi.fn() },
  opener,
  opened: { hear: vi.fn(), hearWork: vi.fn(), hearTags: vi.fn(), hearMoved: vi.fn() },
  marks: { missed: vi.fn() },
  history: { hear: vi.fn() },
  comments: { hear: vi.fn(), load: vi.fn() },
  suggesting: { hear: vi.fn(), load: vi.fn() },
  notice: vi.fn(async () => undefined),
  heedRights: vi.fn(),
};
let told: ProjectEvents;
const listen = vi.fn((_: number, handlers: ProjectEvents) => {
  told = handlers;
  return () => undefined;
});

beforeEach(() => {
  vi.clearAllMocks();
  opener.wanted = 7;
  hearEvents({ listen }, 3, hearers as unknown as Hearers);
});

it("listens to its project, and tells of an edit whoever shows the image, its history or its annotations", () => {
  expect(listen).toHaveBeenCalledWith(3, expect.anything());
  const mark = { state: "submitted", note: "", by: null, at: null } as const;
  told.annotations!({ image_id: 7, revision: 4, mark } as Parameters<
    NonNullable<typeof told.annotations>
  >[0]);
  expect(hearers.notice).toHaveBeenCalledWith(7, 4);
  expect(hearers.opened.hear).toHaveBeenCalledWith(7, 4, mark);
  expect(hearers.history.hear).toHaveBeenCalledWith(7);
});

it("asks for all that a gap in the events may have hidden", () => {
  told.reset!();
  expect(hearers.waits.wake).toHaveBeenCalledWith(7);
  expect(hearers.watched.loadSoon).toHaveBeenCalledOnce();
  expect(hearers.marks.missed).toHaveBeenCalledOnce();
  expect(hearers.history.hear).toHaveBeenCalledWith(7);
  expect(hearers.comments.load).toHaveBeenCalledOnce();
  expect(hearers.suggesting.load).toHaveBeenCalledOnce();
  expect(hearers.notice).toHaveBeenCalledWith(7, Number.MAX_SAFE_INTEGER);
});

it("after a gap opens the image anew, instead of asking for its annotations, when it could not be opened", () => {
  opener.tryAgain.mockReturnValueOnce(true);
  told.reset!();
  expect(hearers.notice).not.toHaveBeenCalled();
});

it("asks for no annotations after a gap while no image is open", () => {
  opener.wanted = 0;
  told.reset!();
  expect(hearers.notice).not.toHaveBeenCalled();
});
