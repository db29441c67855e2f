// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Client } from "../../api/client.ts";
import { ApiError, NetworkError } from "../../api/errors.ts";
import { EVERYTHING } from "../../api/listing.ts";
import type { ManyChanged, ManyEarlier, Project } from "../../api/types.ts";
import { contextOf } from "../../app/services.ts";
import type { Toasts } from "../../app/toasts.svelte.ts";
import type { View } from "../../app/view.svelte.ts";
import { ImageSelection } from "../../gallery/selection.svelte.ts";
import SelectionBar from "./SelectionBar.svelte";

const project = { id: 3, permissions: ["annotations:write"] } as unknown as Project;
const person = userEvent.setup();
const WHOLE: ManyChanged = { done: [7, 8], refused: [], next: null, earlier: [] };
const toasts = { error: vi.fn(), info: vi.fn(), offer: vi.fn() };
const client = {
  emptyImages: vi.fn(async (): Promise<number> => 0),
  changeImages: vi.fn(async (_project: number, _question: object): Promise<ManyChanged> => WHOLE),
};
const SUBMITTED = { action: "mark", state: "submitted", note: "" };

let settings: { askEmpty: boolean };
let selection: ImageSelection;
const onchange = vi.fn(async () => undefined);

beforeEach(() => {
  settings = { askEmpty: true };
  client.emptyImages.mockResolvedValue(0);
  selection = new ImageSelection(async () => []);
  selection.choose([7, 8]);
  const services = {
    client: client as unknown as Client,
    toasts: toasts as unknown as Toasts,
    view: { settings, change: (changed: object) => Object.assign(settings, changed) } as unknown as View,
  };
  const props = {
    project,
    listing: { ...EVERYTHING, folder: "night" },
    listed: 9,
    folders: [],
    tags: [],
    selection,
    onchange,
    onexport: null,
  };
  render(SelectionBar, { props, context: contextOf(services) });
});
afterEach(() => {
  cleanup();
  vi.clearAllMocks();
});

const press = (name: string) => person.click(screen.getByRole("button", { name }));

it("submits at once when all that are chosen have masks", async () => {
  await press("Submit");
  expect(client.emptyImages).toHaveBeenCalledWith(3, { image_ids: [7, 8] });
  expect(client.changeImages).toHaveBeenCalledWith(
    3,
    expect.objectContaining({ image_ids: [7, 8], change: SUBMITTED }),
  );
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(onchange).toHaveBeenCalledOnce();
});

it("says how many have no masks, and submits them only when that is meant", async () => {
  client.emptyImages.mockResolvedValue(2);
  await press("Submit");
  expect(screen.getByRole("dialog", { name: "Submit images without masks?" }).textContent).toContain(
    "2 images have no masks.",
  );
  await press("Cancel");
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(client.changeImages).not.toHaveBeenCalled();
  expect(selection.empty).toBe(false);
  await press("Submit");
  await press("Submit without masks");
  expect(client.changeImages).toHaveBeenCalledTimes(1);
  expect(selection.empty).toBe(true);
});

it("asks about all that are listed where all are chosen, of one in the singular", async () => {
  client.emptyImages.mockResolvedValue(1);
  selection.chooseAll();
  await press("Submit");
  expect(client.emptyImages).toHaveBeenCalledWith(
    3,
    expect.objectContaining({ image_ids: null, folder: "night" }),
  );
  expect(screen.getByRole("dialog").textContent).toContain("1 image has no masks.");
});

it("asks no more in a browser where that was wanted, here or on an image", async () => {
  client.emptyImages.mockResolvedValue(2);
  await press("Submit");
  await person.click(screen.getByRole("checkbox", { name: "Do not ask again in this browser" }));
  await press("Submit without masks");
  expect(settings.askEmpty).toBe(false);
  selection.choose([7]);
  await press("Submit");
  expect(client.emptyImages).toHaveBeenCalledTimes(1);
  expect(client.changeImages).toHaveBeenCalledTimes(2);
});

it("submits nothing when it is not known how many have no masks", async () => {
  const refused = new ApiError("not_found", "There is no project 3.", "", 404);
  client.emptyImages.mockRejectedValueOnce(refused);
  await press("Submit");
  expect(toasts.error).toHaveBeenCalledWith(refused);
  expect(client.changeImages).not.toHaveBeenCalled();
});

it("offers to take back what was done before a change broke off, and leaves the others chosen", async () => {
  const away = new NetworkError("The connection broke.");
  const before = { image_ids: [7], state: "skipped", note: "blurred", assigned_user_id: null, folder: null };
  client.changeImages
    .mockResolvedValueOnce({ done: [7], refused: [], next: 7, earlier: [before as ManyEarlier] })
    .mockRejectedValueOnce(away);
  await press("Submit");
  expect(toasts.error).toHaveBeenCalledExactlyOnceWith(away);
  expect(toasts.offer).toHaveBeenCalledExactlyOnceWith("1 image submitted.", expect.any(Function));
  expect([...selection.ids]).toEqual([8]);
  const undo = toasts.offer.mock.calls[0]![1] as () => void;
  undo();
  await vi.waitFor(() => expect(client.changeImages).toHaveBeenCalledTimes(3));
  expect(client.changeImages.mock.lastCall![1]).toMatchObject({
    image_ids: [7],
    change: { action: "mark", state: "skipped", note: "blurred" },
  });
});

it("says only the error of a change that broke off before anything was done", async () => {
  const away = new NetworkError("The connection broke.");
  client.changeImages.mockRejectedValueOnce(away);
  await press("Submit");
  expect(toasts.error).toHaveBeenCalledExactlyOnceWith(away);
  expect([toasts.info.mock.calls, toasts.offer.mock.calls]).toEqual([[], []]);
  expect([...selection.ids]).toEqual([7, 8]);
});
