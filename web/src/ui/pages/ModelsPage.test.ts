// @vitest-environment happy-dom
import { cleanup, render, screen, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import type { Client } from "../../api/client.ts";
import type { Model, Project } from "../../api/types.ts";
import type { Account } from "../../app/account.svelte.ts";
import { contextOf } from "../../app/services.ts";
import { Toasts } from "../../app/toasts.svelte.ts";
import ModelsPage from "./ModelsPage.svelte";

vi.mock("../components/TopBar.svelte", async () => import("../components/Logo.svelte")); // has tests of its own

const person = userEvent.setup();
const model = (name: string, more: Partial<Model> = {}): Model => ({
  name,
  title: name,
  family: name,
  licence: "Apache-2.0",
  installed: false,
  bundled: false,
  default: false,
  weights_sha256: null,
  bytes: null,
  quality: {},
  source: "https://example.org/weights",
  download_bytes: 40_700_000,
  pull: null,
  ...more,
});
const samlet = model("samlet", {
  installed: true,
  bundled: true,
  default: true,
  bytes: 14_500_000,
  weights_sha256: "a",
});
const coins = {
  id: 3,
  name: "Coins",
  permissions: ["project:manage"],
  model: { weights_sha256: "a" },
} as Project;

function show(models: Model[], permissions = ["models:manage"]) {
  const client = {
    models: vi.fn(async () => models),
    projects: vi.fn(async () => [coins, { ...coins, id: 4, name: "Others'", permissions: [] }]),
    pullModel: vi.fn(async () => undefined),
    cancelPull: vi.fn(async () => undefined),
    changeModel: vi.fn(async () => ({ job: { id: 1 } })),
  };
  const toasts = new Toasts();
  const account = { permissions: new Set(permissions) } as unknown as Account;
  render(ModelsPage, { context: contextOf({ client: client as unknown as Client, toasts, account }) });
  return { client, toasts };
}

const card = (name: string) => screen.findByRole("article", { name });

afterEach(cleanup);

it("says that Samlet is the small one, and has another fetched", async () => {
  const { client } = show([samlet, model("mobile_sam")]);
  expect(await screen.findByText(/^Samlet is the small model/)).toBeDefined();
  const mobile = within(await card("mobile_sam"));
  expect(mobile.getByText("40.7 MB")).toBeDefined();
  await person.click(mobile.getByRole("button", { name: "Get mobile_sam" }));
  expect(client.pullModel).toHaveBeenCalledWith("mobile_sam");
});

it("shows how far one is, and calls it off", async () => {
  const pull = { state: "pulling" as const, done: 1_000_000, total: 40_700_000, message: "", hint: "" };
  const { client } = show([samlet, model("mobile_sam", { pull })]);
  const mobile = within(await card("mobile_sam"));
  expect(mobile.getByRole("status").textContent).toBe("1 MB of 40.7 MB");
  await person.click(mobile.getByRole("button", { name: "Cancel getting mobile_sam" }));
  expect(client.cancelPull).toHaveBeenCalledWith("mobile_sam");
});

it("says why one could not be had and what can be done, and tries again", async () => {
  const pull = { state: "failed" as const, done: 0, total: 1, message: "no network.", hint: "Try later." };
  const { client } = show([samlet, model("mobile_sam", { pull })]);
  const mobile = within(await card("mobile_sam"));
  expect(mobile.getByRole("alert").textContent).toBe("no network. Try later.");
  await person.click(mobile.getByRole("button", { name: "Try again to get mobile_sam" }));
  expect(client.pullModel).toHaveBeenCalledWith("mobile_sam");
});

it("gives a model to a project that one manages", async () => {
  const { client, toasts } = show([
    samlet,
    model("mine", { installed: true, bytes: 1e6, weights_sha256: "b" }),
  ]);
  expect(within(await card("samlet")).getByText("In use in Coins.")).toBeDefined();
  const mine = within(await card("mine"));
  await person.selectOptions(mine.getByRole("combobox"), "Coins");
  await person.click(mine.getByRole("button", { name: "Use mine" }));
  expect(client.changeModel).toHaveBeenCalledWith(3, "mine");
  expect(toasts.list[0]?.message).toBe("Coins uses mine once its images are prepared for it.");
});

it("offers nobody else to fetch one, and says who can", async () => {
  show([samlet, model("mobile_sam")], []);
  expect(await screen.findByText(/An administrator of this installation can get more/)).toBeDefined();
  expect(screen.queryByRole("button", { name: /^Get/ })).toBeNull();
});
