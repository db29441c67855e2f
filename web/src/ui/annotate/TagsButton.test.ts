// @vitest-environment happy-dom
import { cleanup, render, screen, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import type { ImageDetails } from "../../api/types.ts";
import { contextOf } from "../../app/services.ts";
import TagsButton from "./TagsButton.svelte";

const person = userEvent.setup();
afterEach(cleanup);

const image = (tags: string[]) => ({ id: 5, project_id: 3, tags }) as unknown as ImageDetails;
const nothing = { done: [], refused: [], next: null, earlier: [] };

function show(tags: string[], changeImages = vi.fn(async () => nothing), canTag = true) {
  const services = {
    client: { changeImages, tags: async () => [{ tag: "night", images: 2 }] },
    toasts: { info: vi.fn(), error: vi.fn() },
  };
  const context = contextOf(services as unknown as Parameters<typeof contextOf>[0]);
  return {
    ...render(TagsButton, { props: { image: image(tags), canTag }, context }),
    services,
    changeImages,
  };
}

it("adds a tag as the server keeps it, and takes one off", async () => {
  const { changeImages } = show(["wet"]);
  await person.click(screen.getByRole("button", { name: "Tags: wet" }));
  const dialog = within(screen.getByRole("dialog", { name: "Tags of this image" }));
  await person.type(dialog.getByRole("combobox", { name: "New tag" }), "  late   night {Enter}");
  const asked = { image_ids: [5], change: { action: "tag", tag: "late night" } };
  expect(changeImages).toHaveBeenLastCalledWith(3, asked);
  expect(dialog.getAllByRole("listitem").map((each) => each.textContent?.trim())).toEqual([
    "wet",
    "late night",
  ]);
  await person.click(dialog.getByRole("button", { name: "Remove the tag wet" }));
  expect(changeImages).toHaveBeenLastCalledWith(3, {
    image_ids: [5],
    change: { action: "untag", tag: "wet" },
  });
  expect(dialog.getAllByRole("listitem")).toHaveLength(1);
});

it("shows what the image says once it says something else, whoever changed it", async () => {
  const { rerender } = show([]);
  await person.click(screen.getByRole("button", { name: "Tags: none yet" }));
  await person.type(screen.getByRole("combobox", { name: "New tag" }), "dry{Enter}");
  screen.getByRole("button", { name: "Tags: dry" });
  await rerender({ image: image(["dry", "theirs"]) });
  screen.getByRole("button", { name: "Tags: dry, theirs" });
});

it("says why a tag was refused, and keeps what was there", async () => {
  const refused = [
    { error: { code: "invalid", message: "Too many.", hint: "Remove one.", details: {} }, image_ids: [5] },
  ];
  const { services } = show(["wet"], vi.fn(async () => ({ ...nothing, refused })) as never);
  await person.click(screen.getByRole("button", { name: "Tags: wet" }));
  await person.type(screen.getByRole("combobox", { name: "New tag" }), "dry{Enter}");
  expect(services.toasts.info).toHaveBeenCalledWith("Too many.", "Remove one.");
  screen.getByRole("button", { name: "Tags: wet" });
});

it("can only be read by who may not annotate, and is not there when there is nothing to read", async () => {
  const { unmount } = show(["wet"], undefined, false);
  await person.click(screen.getByRole("button", { name: "Tags: wet" }));
  expect(screen.queryByRole("combobox")).toBeNull();
  expect(screen.queryByRole("button", { name: /Remove/ })).toBeNull();
  unmount();
  show([], undefined, false);
  expect(screen.queryByRole("button")).toBeNull();
});
