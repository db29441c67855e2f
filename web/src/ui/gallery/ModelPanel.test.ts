// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import type { Client } from "../../api/client.ts";
import type { Job, Model, Project } from "../../api/types.ts";
import { contextOf } from "../../app/services.ts";
import { Toasts } from "../../app/toasts.svelte.ts";
import ModelPanel from "./ModelPanel.svelte";

const model = (name: string, more: Partial<Model> = {}): Model => ({
  name,
  title: name,
  family: "samlet",
  licence: "Apache-2.0",
  installed: true,
  bundled: false,
  source: "",
  download_bytes: null,
  pull: null,
  default: false,
  weights_sha256: "a".repeat(64),
  bytes: 14_500_000,
  quality: {},
  ...more,
});
const MODELS = [model("samlet", { default: true }), model("mine", { quality: { "mIoU 1 click": 0.7 } })];
const JOB = {
  id: 3,
  kind: "change_model",
  state: "running",
  done: 1,
  total: 4,
  failed: 0,
  message: "",
} as Job;
const person = userEvent.setup();

function show(change: Job | null, of: Partial<Project["model"]> = {}) {
  const own = { name: "samlet", title: "samlet", weights_sha256: "a".repeat(64), wanted: null, problem: "" };
  const client = {
    models: vi.fn(async () => [...MODELS, model("sam_vit_h", { installed: false })]),
    changeModel: vi.fn(async () => ({ model: own, job: JOB })),
    steerJob: vi.fn(async () => ({ ...JOB, state: "cancelled" })),
  };
  const onjob = vi.fn();
  const project = { id: 7, model: { ...own, ...of } } as Project;
  render(ModelPanel, {
    props: { project, change, onjob, onchange: vi.fn() },
    context: contextOf({ client: client as unknown as Client, toasts: new Toasts() }),
  });
  return { client, onjob };
}

afterEach(cleanup);

it("offers what is installed with its facts, and starts the change", async () => {
  const { client, onjob } = show(null);
  await screen.findByRole("option", { name: "mine" });
  expect(screen.getAllByRole("option").map((each) => each.textContent)).toEqual([
    "The installation's (samlet)",
    "samlet",
    "mine",
  ]);
  expect(screen.queryByRole("button")).toBeNull();
  await person.selectOptions(screen.getByRole("combobox"), "mine");
  expect(screen.getByText("14.5 MB")).toBeTruthy();
  expect(screen.getByText("mIoU 1 click")).toBeTruthy();
  await person.click(screen.getByRole("button", { name: "Use in this project" }));
  expect(client.changeModel).toHaveBeenCalledWith(7, "mine");
  expect(onjob).toHaveBeenCalledWith(JOB);
});

it("shows how far a change is, and keeps the model when it is called off", async () => {
  const { client, onjob } = show({ ...JOB, model: "mine" });
  expect(screen.getByRole("status").textContent).toContain("Preparing images for mine");
  expect(screen.getByRole("progressbar").getAttribute("aria-valuenow")).toBe("1");
  await person.click(screen.getByRole("button", { name: "Keep samlet" }));
  expect(client.steerJob).toHaveBeenCalledWith(3, "cancel");
  expect(onjob.mock.lastCall?.[0].state).toBe("cancelled");
});

it("says when the project's own model is gone, and what is used meanwhile", async () => {
  show(null, { wanted: "lost", problem: "Its own model lost cannot be used." });
  expect((await screen.findByRole("alert")).textContent).toContain("lost cannot be used");
  const gone = await screen.findByRole("option", { name: "lost (not installed)" });
  expect((gone as HTMLOptionElement).selected).toBe(true);
});
