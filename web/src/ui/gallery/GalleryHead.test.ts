// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import type { Client } from "../../api/client.ts";
import { EVERYTHING, type Listing } from "../../api/listing.ts";
import type { Project } from "../../api/types.ts";
import type { Router } from "../../app/router.svelte.ts";
import { contextOf } from "../../app/services.ts";
import type { Toasts } from "../../app/toasts.svelte.ts";
import GalleryHead from "./GalleryHead.svelte";

const project = {
  id: 3,
  name: "Cats",
  image_count: 9,
  submitted_count: 7,
  permissions: ["project:view", "annotations:write", "annotations:review"],
} as Project;
const person = userEvent.setup();
afterEach(() => {
  cleanup();
  vi.clearAllMocks();
});

/** The page with a server on which so many submitted images are listed, in the order of the questions. */
function show(listing: Listing, totals: (number | Error)[], shown = project) {
  const images = vi.fn(async (..._question: unknown[]) => {
    const total = totals.shift() ?? 0;
    if (total instanceof Error) throw total;
    return { images: total > 0 ? [{ id: 5 }] : [], next: null, total };
  });
  const go = vi.fn();
  const services = {
    client: { images } as unknown as Client,
    router: { go } as unknown as Router,
    toasts: { error: vi.fn(), info: vi.fn() } as unknown as Toasts,
  };
  const props = { project: shown, listing, onfiles: vi.fn(), onexport: null };
  return { images, go, ...render(GalleryHead, { props, context: contextOf(services) }) };
}

const review = () => screen.getByRole<HTMLButtonElement>("button", { name: /^Review/ });

it("counts what it walks: all that were submitted, or those of the list, and again when the project changes", async () => {
  const { images, rerender } = show(EVERYTHING, [2, 0, 1]);
  expect(review().textContent?.trim()).toBe("Review 7");
  await rerender({ listing: { ...EVERYTHING, state: "approved", order: "random" } }); // the same images
  expect(review().textContent?.trim()).toBe("Review 7");
  expect(images).not.toHaveBeenCalled();
  const listing = { ...EVERYTHING, state: "approved", author: 4 } as const;
  await rerender({ listing });
  expect(review().textContent?.trim()).toBe("Review");
  await vi.waitFor(() => expect(review().textContent?.trim()).toBe("Review 2"));
  expect(images).toHaveBeenCalledWith(3, { ...listing, state: "submitted" }, { limit: 1, counted: true });
  await rerender({ project: { ...project, submitted_count: 5 } });
  await vi.waitFor(() => expect(review().disabled).toBe(true));
  expect(review().textContent?.trim()).toBe("Review 0");
  await rerender({ project: { ...project, submitted_count: 6 } });
  await vi.waitFor(() => expect(review().textContent?.trim()).toBe("Review 1"));
  expect(review().disabled).toBe(false);
});

it("leads to the first one also while their number is not known", async () => {
  const { go } = show({ ...EVERYTHING, author: 4 }, [new Error("away"), 1]);
  await person.click(review());
  expect(review().textContent?.trim()).toBe("Review");
  expect(go).toHaveBeenCalledWith("/projects/3/images/5?author=4");
});

it("asks for nothing where one reviews nothing, or nothing was submitted", async () => {
  const annotates = { ...project, permissions: ["project:view", "annotations:write"] } as Project;
  const { images } = show({ ...EVERYTHING, author: 4 }, [], annotates);
  expect(screen.queryByRole("button", { name: /^Review/ })).toBeNull();
  cleanup();
  show({ ...EVERYTHING, author: 4 }, [], { ...project, submitted_count: 0 });
  expect(screen.queryByRole("button", { name: /^Review/ })).toBeNull();
  expect(images).not.toHaveBeenCalled();
});
