// @vitest-environment happy-dom
import { cleanup, render, screen, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { EVERYTHING } from "../../api/listing.ts";
import type { Author, Project } from "../../api/types.ts";
import ListBar from "./ListBar.svelte";

const project = {
  image_count: 9,
  annotated_count: 7,
  gold_share: null,
  categories: [] as Project["categories"],
} as Project;
const person = userEvent.setup();
afterEach(cleanup);

it("opens the filters as a sheet from one button, which names what is chosen and closes at Escape's event", async () => {
  const onchange = vi.fn();
  const listing = { ...EVERYTHING, state: "submitted", folder: "a/b" } as const;
  render(ListBar, {
    props: { project, listing, folders: [{ path: "a/b", images: 2 }], tags: [], authors: [], onchange },
  });
  await person.click(screen.getByRole("button", { name: "Filters: Submitted, a/b" }));
  const sheet = within(screen.getByRole("dialog", { name: "Filters" }));
  await person.click(sheet.getByRole("button", { name: /^Approved/ }));
  expect(onchange).toHaveBeenLastCalledWith({ ...listing, state: "approved" });
  expect(sheet.getAllByRole("option").map((each) => each.textContent)).toEqual(
    expect.arrayContaining(["a (2)", "\u2003b (2)"]),
  );
  await person.selectOptions(sheet.getByRole("combobox", { name: "Folder" }), "a");
  expect(onchange).toHaveBeenLastCalledWith({ ...listing, folder: "a" });
  await person.selectOptions(sheet.getByRole("combobox", { name: "Folder" }), "");
  expect(onchange).toHaveBeenLastCalledWith({ ...listing, folder: "" });
  await person.selectOptions(sheet.getByRole("combobox", { name: "Masks and work" }), "Without masks (2)");
  expect(onchange).toHaveBeenLastCalledWith({ ...listing, also: "unannotated" });
  screen.getByRole("dialog").dispatchEvent(new Event("cancel", { cancelable: true }));
  await vi.waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
});

it("lists what one person submitted, also somebody whose images are others' by now", async () => {
  const onchange = vi.fn();
  const authors: Author[] = [
    { user_id: 4, name: "Ada" },
    { user_id: 7, name: "Ben" },
  ];
  const props = {
    project,
    listing: { ...EVERYTHING, state: "submitted" } as const,
    folders: [],
    tags: [],
    onchange,
  };
  const { rerender } = render(ListBar, { props: { ...props, authors } });
  const author = () => screen.getByRole<HTMLSelectElement>("combobox", { name: "Submitted by" });
  await person.selectOptions(author(), "Submitted by Ben");
  expect(onchange).toHaveBeenLastCalledWith({ ...props.listing, author: 7 });
  await rerender({ listing: { ...props.listing, author: 9 } });
  expect(author().selectedOptions[0]!.text).toBe("Submitted by somebody who has none here");
  await person.selectOptions(author(), "Submitted by anyone");
  expect(onchange).toHaveBeenLastCalledWith({ ...props.listing, author: null });
  await rerender({ listing: props.listing, authors: authors.slice(1) });
  expect(screen.queryByRole("combobox", { name: "Submitted by" })).toBeNull(); // whose else could they be
});

it("shuffles", async () => {
  const onchange = vi.fn();
  render(ListBar, { props: { project, listing: EVERYTHING, folders: [], tags: [], authors: [], onchange } });
  await person.selectOptions(screen.getByRole("combobox", { name: "Order" }), "Random");
  expect(onchange).toHaveBeenLastCalledWith({ ...EVERYTHING, order: "random" });
});
