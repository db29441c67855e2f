// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/svelte";
import { afterEach, expect, it, vi } from "vitest";
import type { ImageMark, ImageState } from "../../api/types.ts";
import type { Account } from "../../app/account.svelte.ts";
import { contextOf } from "../../app/services.ts";
import { View } from "../../app/view.svelte.ts";
import { MarkActions, type MarkHost } from "../../workspace/mark-actions.svelte.ts";
import MarkBar from "./MarkBar.svelte";

const work = { assigned_to: null, held_by: null, held_until: null, reserved: false };

/** @returns the names of the buttons */
function show(state: ImageState, may: Pick<MarkHost, "annotates" | "reviews">) {
  const mark = { state, note: "", by: null, at: null } as ImageMark;
  const actions = new MarkActions({ image: null, ready: true, keep: vi.fn(), ...may } as unknown as MarkHost);
  const account = { name: "Ada" } as Account;
  render(MarkBar, {
    props: { mark, work, actions, ready: true, held: false },
    context: contextOf({ view: new View(), account }),
  });
  return screen
    .queryAllByRole("button")
    .map((button) => button.getAttribute("aria-label") ?? button.textContent?.trim());
}

afterEach(cleanup);

it.each<[ImageState, boolean, boolean, string[]]>([
  ["waiting", false, false, []],
  ["submitted", false, false, []],
  ["waiting", true, false, ["Next image to work on", "Skip…", "Submit"]],
  ["submitted", true, false, ["Take back…"]],
  ["approved", true, false, []],
  ["submitted", true, true, ["Return…", "Approve"]],
  ["approved", true, true, ["Return…"]],
])(
  "offers on an image that is %s, to who may annotate (%s) and review (%s), %j",
  (state, annotates, reviews, expected) => {
    expect(show(state, { annotates, reviews })).toEqual(expected);
  },
);
