// @vitest-environment happy-dom
import { cleanup, render, screen, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import type { AgreementClient } from "../../api/agreement.ts";
import type { Client } from "../../api/client.ts";
import { ApiError, NetworkError } from "../../api/errors.ts";
import type { ComparedAnswers, Settlement } from "../../api/types.ts";
import type { Router } from "../../app/router.svelte.ts";
import { contextOf } from "../../app/services.ts";
import { Toasts } from "../../app/toasts.svelte.ts";
import { ADA, answersOf, BO } from "../../gallery/settling.test-support.ts";
import SettlePage from "./SettlePage.svelte";

vi.mock("../agreement/AnswersPicture.svelte", async () => import("../components/Logo.svelte")); // there is no canvas here
vi.mock("../components/TopBar.svelte", async () => import("../components/Logo.svelte")); // has tests of its own

const person = userEvent.setup();
const stale = new ApiError("stale_revision", "Image 9 was changed since you looked at it.", "", 412);

function answers(revision: number, ...things: [id: number, user: number][][]): ComparedAnswers {
  const segmentation = { size: [4, 4] as [number, number], counts: "0" };
  const found = things.map((masks) => ({
    masks: masks.map(([id, user_id]) => ({ id, user_id, category_id: null, segmentation })),
    consensus: segmentation,
    disputed: segmentation,
    category_id: null,
    agreed: true,
    iou: 0.8,
  }));
  return answersOf([ADA, BO], found, revision);
}

const BEFORE = answers(
  1,
  [
    [10, ADA],
    [20, BO],
  ],
  [
    [11, ADA],
    [21, BO],
  ],
);
/** Bo has drawn something more, which comes first. */
const AFTER = answers(
  2,
  [[22, BO]],
  [
    [10, ADA],
    [20, BO],
  ],
  [
    [11, ADA],
    [21, BO],
  ],
);

async function show() {
  const agreement = {
    answers: vi.fn(async () => AFTER).mockResolvedValueOnce(BEFORE),
    settle: vi.fn(async (_image: number, _settlement: Settlement) => undefined),
    images: vi.fn(async () => ({ images: [], total: 0 })),
  };
  const router = { go: vi.fn() };
  const toasts = new Toasts();
  const context = contextOf({
    agreement: agreement as unknown as AgreementClient,
    client: { project: async () => ({ id: 3, name: "Coins", categories: [] }) } as unknown as Client,
    router: router as unknown as Router,
    toasts,
  });
  render(SettlePage, { props: { projectId: 3, imageId: 9 }, context });
  await screen.findByRole("button", { name: /Settle and approve/ });
  const approve = () => person.click(screen.getByRole("button", { name: /Settle and approve/ }));
  return { agreement, approve, router, toasts };
}

const taken = (number: number) =>
  screen.getByLabelText<HTMLSelectElement>(`Object ${number}: what is on the image`);

afterEach(cleanup);

it("goes on with what is there now after somebody has changed it, and keeps what was chosen", async () => {
  const { agreement, approve, router, toasts } = await show();
  await person.selectOptions(taken(2), "As Ada made it");
  agreement.settle.mockRejectedValueOnce(stale);
  await approve();
  expect(await screen.findAllByLabelText(/what is on the image/)).toHaveLength(3);
  expect(toasts.list.map(({ level, message }) => [level, message])).toEqual([
    ["info", "What people made of this image has changed meanwhile."],
  ]);
  expect([taken(1).value, taken(2).value, taken(3).value]).toEqual(["nothing", "consensus", `${ADA}`]);
  expect(router.go).not.toHaveBeenCalled();
  await approve();
  await vi.waitFor(() => expect(router.go).toHaveBeenCalledOnce());
  const [, sent] = agreement.settle.mock.lastCall!;
  expect(sent.seen.map(({ revision }) => revision)).toEqual([2, 2]);
  expect(sent.masks.map(({ annotations }) => annotations)).toEqual([[10, 20], [11]]);
});

it("keeps what was chosen while what is there now cannot be read", async () => {
  const { agreement, approve } = await show();
  await person.selectOptions(taken(1), "Nothing");
  agreement.settle.mockRejectedValueOnce(stale);
  agreement.answers.mockRejectedValueOnce(new NetworkError("The connection broke."));
  await approve();
  const alert = await screen.findByRole("alert");
  await person.click(within(alert).getByRole("button", { name: "Try again" }));
  expect(await screen.findAllByLabelText(/what is on the image/)).toHaveLength(3);
  expect([taken(2).value, taken(3).value]).toEqual(["nothing", "consensus"]);
});
